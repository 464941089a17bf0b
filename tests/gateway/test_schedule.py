"""When a round is due: by the journal alone, once an interval, again soon after a kill."""

from __future__ import annotations

from typing import Any

import pytest

from rung.core.errors import ConfigError
from rung.gateway.schedule import RETRY_S, Schedule, is_due, read_schedule, schedule_of, unfinished
from rung.store.rounds import RoundLine


def journal(*lines: tuple[str, int, str, dict[str, Any]]) -> list[RoundLine]:
    return [
        RoundLine(id=n, created=at, task="mail", number=number, event=event, detail=detail)
        for n, (at, number, event, detail) in enumerate(lines, 1)
    ]


def at(hour: int, minute: int = 0) -> str:
    return f"2026-11-26T{hour:02}:{minute:02}:00Z"


ON = (at(0), 0, "enabled", Schedule(every_hours=4.0).to_json())


def test_nothing_is_due_until_it_is_enabled_nor_after_it_is_disabled() -> None:
    assert not is_due([], at(1)) and schedule_of([]) is None
    assert is_due(journal(ON), at(1))
    off = journal(ON, (at(1), 0, "disabled", {}))
    assert not is_due(off, at(9)) and schedule_of(off) is None
    assert not is_due(journal((at(0), 1, "began", {})), at(9))  # by hand, never enabled


def test_a_round_is_due_an_interval_after_the_last_one_began() -> None:
    lines = journal(ON, (at(1), 1, "began", {}), (at(2), 1, "ended", {}))
    assert unfinished(lines) is None
    assert not is_due(lines, at(4, 59)) and is_due(lines, at(5))


def test_a_round_that_did_not_end_is_due_soon_and_less_soon_each_time() -> None:
    lines = journal(ON, (at(1), 1, "began", {}), (at(1), 1, "watched", {}))
    began = unfinished(lines)
    assert began is not None and began.number == 1
    wait = int(RETRY_S // 60)
    assert not is_due(lines, at(1, wait - 1)) and is_due(lines, at(1, wait))
    again = [*lines, *journal((at(1, wait), 1, "resumed", {}))]
    assert not is_due(again, at(1, 3 * wait - 1)) and is_due(again, at(1, 3 * wait))
    often = [*lines, *journal(*[(at(2), 1, "resumed", {})] * 40)]
    assert not is_due(often, at(5, 59)) and is_due(often, at(6))  # an interval at most
    fresh = [*often, *journal((at(6), 1, "ended", {}), (at(6), 2, "began", {}))]
    assert is_due(fresh, at(6, wait))


@pytest.mark.parametrize(
    "wrong",
    [{"policy": "maybe"}, {"every_hours": 0}, {"minutes": -1}, {"climbs_a_day": 1.5}, {"x": 1}],
)
def test_a_schedule_that_cannot_be_kept_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        read_schedule(Schedule().to_json() | wrong)
