"""When a task gets a round of improvement, and what a round may do and spend.

A schedule is a line of the journal (`store/rounds.py`); the last one counts, so that what was asked
for stands beside what was done. Whether a round is due follows from the journal alone: a gateway
that was killed goes on where it was. What a round does is `flow/improve.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec

from rung.core.clock import UTC_FORM
from rung.core.errors import ConfigError
from rung.store.rounds import RoundLine

Policy = Literal["propose", "promote"]
ENABLED, DISABLED = "enabled", "disabled"
BEGAN, RESUMED, ENDED = "began", "resumed", "ended"
RETRY_S = 600.0
"""After how long a round that did not end is taken up again; twice as long each further time."""

_MAX_DOUBLINGS = 16


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a task is improved; the defaults end in a proposal and spend little."""

    every_hours: Annotated[float, msgspec.Meta(gt=0, le=8760)] = 24.0
    policy: Policy = "propose"
    """Whether a route that passed the gate is put in service, or only named."""
    on_alarm: Literal["demote", "tell"] = "demote"
    """Whether drift takes the specialist out of service, or is only written down."""
    budget_usd: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """For the climbs of a day."""
    minutes: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """For a round."""
    climbs_a_day: Annotated[int, msgspec.Meta(ge=0)] = 1
    models: tuple[str, ...] = ()
    """To climb with; empty: those of the last climb."""
    rungs: tuple[str, ...] = ()
    min_groups: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Groups of the new holdout; 0: as many as the gate needs to promote at all."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for the journal."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def read_schedule(detail: Mapping[str, Any]) -> Schedule:
    """Decode a schedule. Raises ConfigError naming the setting that is wrong."""
    policy = detail.get("policy", "propose")
    if policy not in get_args(Policy):
        raise ConfigError(
            f"policy is {policy!r}, not one of {', '.join(get_args(Policy))}",
            hint="rung improve --help",
        )
    try:
        return msgspec.convert(detail, type=Schedule)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the schedule cannot be used: {error}", hint="rung improve --help"
        ) from None


def schedule_of(lines: Sequence[RoundLine]) -> Schedule | None:
    """Return the schedule in force; None where the loop is off."""
    last = next((line for line in reversed(lines) if line.event in (ENABLED, DISABLED)), None)
    return read_schedule(last.detail) if last and last.event == ENABLED else None


def unfinished(lines: Sequence[RoundLine]) -> RoundLine | None:
    """Return the line that began the last round, where that has not ended."""
    began = next((line for line in reversed(lines) if line.event == BEGAN), None)
    ended = {line.number for line in lines if line.event == ENDED}
    return began if began and began.number not in ended else None


def is_due(lines: Sequence[RoundLine], now: str) -> bool:
    """Return whether a round should be started, or one that did not end be taken up again."""
    schedule = schedule_of(lines)
    if schedule is None:
        return False
    starts = [line for line in lines if line.event in (BEGAN, RESUMED)]
    if not starts:
        return True
    wait_s = min(_retry_s(lines), schedule.every_hours * 3600.0)
    return _at(now) >= _at(starts[-1].created) + timedelta(seconds=wait_s)


def _retry_s(lines: Sequence[RoundLine]) -> float:
    """Return how long the last round rests before it is taken up again; without end if it ended."""
    began = unfinished(lines)
    if began is None:
        return math.inf
    times = sum(line.event == RESUMED and line.number == began.number for line in lines)
    return RETRY_S * 2.0 ** min(times, _MAX_DOUBLINGS)


def since_a_day(lines: Sequence[RoundLine], now: str) -> list[RoundLine]:
    """Return the lines of the last 24 hours."""
    start = _at(now) - timedelta(days=1)
    return [line for line in lines if _at(line.created) > start]


def _at(time: str) -> datetime:
    return datetime.strptime(time, UTC_FORM).replace(tzinfo=UTC)
