"""From the name people type to a running engine, and to the price of its calls.

    smollm2-135m, llama:NAME, hf:org/repo/file.gguf, ./x.gguf     in-process llama.cpp
    http:NAME, http:MODEL@URL                                     an OpenAI-style server
    (empty)                                                       no model: this machine's price

A catalogue model that is not here yet is pulled first.
"""

from __future__ import annotations

from collections.abc import Callable

from rung.core.errors import EngineError
from rung.engines.base import Engine
from rung.engines.endpoints import endpoint_of
from rung.engines.prices import Price, price_of

LOCAL_PRICE = "local-2core"


def open_engine(model: str, on_pull: Callable[[int, int], None] | None = None) -> Engine:
    """Open an engine; raises EngineError or ConfigError saying what to install or to type."""
    if model.startswith("http:"):
        from rung.engines.http import HttpEngine

        return HttpEngine(endpoint_of(model))
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
    """Return the price row of a model: its endpoint's own, else this machine's."""
    if model.startswith("http:"):
        return price_of(endpoint_of(model).price)
    return price_of(LOCAL_PRICE)
