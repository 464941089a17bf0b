"""Engines of `servers.py`: opened with an empty prompt cache, their requests counted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from rung.engines.base import Engine
from rung.engines.endpoints import Endpoint, endpoint_of
from rung.engines.http import HttpEngine
from rung.engines.llama_server import LlamaServerEngine
from rung.engines.models import locate
from rung.engines.open import open_engine

Open = Callable[[str], Engine]


@contextmanager
def opener(name: str) -> Iterator[Open]:
    """Yield what opens an engine whose prompt cache is empty, by the name of a way."""
    if name.startswith("llama-server:"):
        path = locate(name.removeprefix("llama-server:")).path
        yield lambda way: LlamaServerEngine(name, path)
    elif name.startswith("vllm:"):
        from real_servers import SERVED, vllm

        program, log = os.environ["RUNG_TEST_VLLM"], Path(gettempdir()) / "rung-vllm.log"
        with vllm(program, Path(name.removeprefix("vllm:")), log) as url:
            yield salted(Endpoint(model=SERVED, base_url=url))
    elif name.startswith("http:"):
        yield salted(endpoint_of(name))
    else:
        yield lambda way: open_engine(name)


def salted(endpoint: Endpoint) -> Open:
    """Return what opens an engine; of vLLM one whose cache knows nothing of other ways."""

    def open_for(way: str) -> Engine:
        engine = HttpEngine(endpoint)
        if engine._dialect.server != "vllm":
            return engine
        engine.close()
        return HttpEngine(replace(endpoint, extra={"cache_salt": way}))

    return open_for


def count_requests(engine: Engine) -> list[str]:
    """Return a list that grows with every request the engine sends; empty for one in process."""
    sent: list[str] = []
    if isinstance(engine, HttpEngine):
        client: Any = engine._client
        ask = client.ask

        async def noted(path: str, body: dict[str, Any], timeout_s: float) -> Any:
            sent.append(path)
            return await ask(path, body, timeout_s)

        client.ask = noted
    return sent
