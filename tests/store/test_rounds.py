"""The journal of rounds: lines stay as they were written, in their order, of each task."""

from __future__ import annotations

from contextlib import closing

from rung.store import Store
from rung.store.rounds import RoundLog


def test_lines_keep_their_order_and_their_detail() -> None:
    with closing(Store()) as store:
        log = RoundLog(store)
        log.append("mail", 0, "enabled", {"policy": "propose", "minutes": 2.5})
        log.append("other", 1, "began", {})
        log.append("mail", 1, "began", {"until": "call_1"})
    with closing(Store()) as store:
        first, second = RoundLog(store).history("mail")
        assert (first.number, first.event, first.detail["minutes"]) == (0, "enabled", 2.5)
        assert (second.number, second.detail) == (1, {"until": "call_1"})
        assert RoundLog(store).tasks() == ["mail", "other"]


def test_a_running_gateway_sees_a_new_line() -> None:
    with closing(Store()) as store:
        before = store.revision()
        RoundLog(store).append("mail", 0, "enabled", {})
        assert store.revision() != before
