"""What a person said in service is kept for their next request."""

from __future__ import annotations

import pytest

from rung.routes import remembering
from rung.routes.remembering import Remembering, hear
from rung.store import Store
from rung.tasks.task import Example


def test_requests_of_one_second_are_all_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "now_utc", lambda: "2026-03-04T10:00:00Z")
    store = Store()
    memories = Remembering(store, "desk")
    for text in ("I live in Graz.", "I live in Linz."):
        request = Example(id="ask", input=text, target={}, group="ask", owner="ada")
        memory = memories.of(request)
        hear(memory, request)
    assert [fact.value for fact in memory.facts()] == ["Linz"]
    store.close()
