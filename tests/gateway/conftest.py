"""An upstream that answers well unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateways import CHAT, DONE, Exchange, Upstream, chunk
from rung.gateway import service


def answer_well(exchange: Exchange) -> None:
    if exchange.json().get("stream"):
        exchange.events(chunk("he"), chunk("llo"), chunk(None, "stop"), DONE)
    else:
        exchange.reply(CHAT)


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the gateway see at once what a test changes in the store."""
    monkeypatch.setattr(service, "WATCH_S", 0.02)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    running = Upstream(answer_well)
    yield running
    running.close()
