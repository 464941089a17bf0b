"""From the name people type to a running engine, and to the price of its calls.

    smollm2-135m, llama:NAME, hf:org/repo/file.gguf, ./x.gguf     in-process llama.cpp
    transformers:FOLDER, transformers:x.gguf                      in-process torch
    http:NAME, http:MODEL@URL                                     a server or a hosted model
    fake:random, fake:random:SEED                                 random bytes, to try forms with
    (empty)                                                       no model: this machine's price

A catalogue model that is not here yet is pulled first.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from rung.core.config import keep_hub_offline, limit_spinning
from rung.core.errors import ConfigError, EngineError
from rung.engines.base import Engine
from rung.engines.endpoints import endpoint_of, endpoints_path
from rung.engines.prices import Price, price_of

LOCAL_PRICE = "local-2core"
_HERE = ("localhost", "127.0.0.1", "::1")
OTHER_ENGINES = ("http:", "transformers:", "fake:")
"""How models begin that are no GGUF file."""


def open_engine(model: str, on_pull: Callable[[int, int], None] | None = None) -> Engine:
    """Open an engine; raises EngineError or ConfigError saying what to install or to type."""
    if model.startswith("http:"):
        from rung.engines.http import HttpEngine

        return HttpEngine.from_name(model)
    if model.startswith("fake:random"):
        return _random_bytes(model)
    if model.startswith("transformers:"):
        return _transformers(model)
    from rung.engines.llama_packages import choose, installed
    from rung.engines.models import pull

    if not installed():
        raise EngineError(
            f"model {model!r} needs the in-process engine, which is not installed",
            hint="pip install 'rung[local]'",
        )
    file = pull(model, progress=on_pull)
    if choose().library is None and "xllamacpp" in installed():
        from rung.engines.llama_server import LlamaServerEngine

        return LlamaServerEngine(model, file.path)
    from rung.engines.llama import LlamaEngine

    return LlamaEngine(model, file.path)


def library_of(model: str) -> str:
    """Return which llama.cpp runs a model here, with its version; empty where none does.

    Builds round differently and take different times, so the answers of one are not another's.
    """
    if not model or model.startswith(OTHER_ENGINES):
        return ""
    from rung.engines.llama_packages import choose, describe, installed

    found = choose().library
    if found is not None:
        return describe(found)
    return "xllamacpp server" if "xllamacpp" in installed() else ""


def leaves_machine(model: str) -> bool:
    """Return whether what a model is asked leaves this machine. Raises ConfigError."""
    if not model.startswith("http:"):
        return False
    return urlsplit(endpoint_of(model).base_url).hostname not in _HERE


def in_flight_of(model: str) -> int:
    """Return how many answers of one run a model is asked for at once. Raises ConfigError."""
    return endpoint_of(model).in_flight if model.startswith("http:") else 1


def _transformers(model: str) -> Engine:
    for package in ("torch", "transformers", "accelerate", "gguf", "llguidance"):
        if find_spec(package) is None:
            raise EngineError(
                f"model {model!r} needs {package}, which is not installed",
                hint="pip install 'rung[train]'; without a GPU see docs/cli.md",
            )
    limit_spinning()
    keep_hub_offline()
    from rung.engines.transformers_engine import TransformersEngine

    return TransformersEngine(model, Path(model.removeprefix("transformers:")).expanduser())


def _random_bytes(model: str) -> Engine:
    seed = model.removeprefix("fake:random").lstrip(":") or "0"
    if not seed.isdigit():
        raise ConfigError(f"{model!r} has no whole number as seed", hint="fake:random:1")
    from rung.engines.bytes import ByteEngine, random_speech

    return ByteEngine(random_speech(int(seed)), model)


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
