"""From the name people type to a running engine, and to the price of its calls.

    smollm2-135m, llama:NAME, hf:org/repo/file.gguf, ./x.gguf     in-process llama.cpp
    http:NAME, http:MODEL@URL                                     an OpenAI-style server
    (empty)                                                       no model: this machine's price

A catalogue model that is not here yet is pulled first.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from rung.core.errors import ConfigError, EngineError
from rung.engines.base import Engine
from rung.engines.endpoints import endpoint_of, endpoints_path
from rung.engines.prices import Price, price_of

LOCAL_PRICE = "local-2core"
_HERE = ("localhost", "127.0.0.1", "::1")


def open_engine(model: str, on_pull: Callable[[int, int], None] | None = None) -> Engine:
    """Open an engine; raises EngineError or ConfigError saying what to install or to type."""
    if model.startswith("http:"):
        from rung.engines.http import HttpEngine

        return HttpEngine.from_name(model)
    from rung.engines.llama_api import find_library
    from rung.engines.models import pull

    if find_library() is None:
        raise EngineError(
            f"model {model!r} needs the in-process engine, which is not installed",
            hint="pip install 'rung[local]'",
        )
    file = pull(model, progress=on_pull)
    from rung.engines.llama import LlamaEngine

    return LlamaEngine(model, file.path)


def price_of_model(model: str) -> Price:
    """Return the price row of a model: its endpoint's own; this machine's when it runs here.

    Raises ConfigError for a remote endpoint without a price: an unpriced route would look free.
    """
    if not model.startswith("http:"):
        return price_of(LOCAL_PRICE)
    endpoint = endpoint_of(model)
    if endpoint.price:
        return price_of(endpoint.price)
    if urlsplit(endpoint.base_url).hostname in _HERE:
        return price_of(LOCAL_PRICE)
    raise ConfigError(
        f"{model} has no price",
        hint=f'add price = "frontier" (or a row of your own) to its table in {endpoints_path()}',
    )
