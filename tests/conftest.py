"""Every test runs offline in a home of its own; real models are found, never downloaded."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from rung.engines import models
from rung.engines.base import Engine

# A busy machine is no bug: property tests are bounded by their number of examples, not by time.
settings.register_profile(
    "rung",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "thorough", settings.get_profile("rung"), max_examples=1000, derandomize=False
)
settings.load_profile("rung")

MODEL = "smollm2-135m"


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a home of its own and take away keys, downloads and the network."""
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "rung"))
    monkeypatch.setenv("RUNG_OFFLINE", "1")
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _demand_loopback(address[0] if isinstance(address, tuple) else "")
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        _demand_loopback(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


def _demand_loopback(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        loopback = ipaddress.ip_address(name).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise OSError(f"this test tried to reach {name!r}; tests stay on this machine")


@pytest.fixture(scope="session")
def model_path() -> Path:
    """Return the file of the default model, or skip saying how to get it."""
    folder = Path(os.environ.get("RUNG_TEST_MODELS") or Path.home() / ".rung" / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "models_home", lambda: folder)
        if not models.resolve(MODEL).installed:
            pytest.skip(f"no model in {folder}: run `rung models pull {MODEL}`")
        return models.locate(MODEL).path


@pytest.fixture(scope="session")
def llama(model_path: Path) -> Iterator[Engine]:
    """Return the default model as an in-process engine, opened once a session."""
    llama_engine = pytest.importorskip("rung.engines.llama", exc_type=ImportError)
    engine: Engine = llama_engine.LlamaEngine(f"llama:{MODEL}", model_path, context_tokens=2048)
    yield engine
    engine.close()
