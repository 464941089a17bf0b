"""An HTTP engine before a loopback server that plays its script."""

from __future__ import annotations

import pytest

from openai_server import KEY, OpenAIServer
from rung.engines import http as http_engine
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine


@pytest.fixture(scope="module")
def shared_server():
    server = OpenAIServer()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server, monkeypatch, tmp_path):
    monkeypatch.setenv("RUNG_HOME", str(tmp_path))
    monkeypatch.setenv("TEST_KEY", KEY)
    http_engine._detected.clear()
    shared_server.reset()
    return shared_server


@pytest.fixture
def engine_at(server):
    """Return a function that makes an engine; `engine.slept` lists the waits it asked for."""
    made = []

    def make(jitter=0.0, **settings) -> HttpEngine:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        defaults = {"model": "small", "base_url": server.url, "server": "openai"}
        endpoint = Endpoint(**(defaults | {"api_key_env": "TEST_KEY"} | settings))
        engine = HttpEngine(endpoint, sleep=sleep, jitter=lambda: jitter)
        engine.slept = slept
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
