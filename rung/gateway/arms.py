"""The two arms of a task, what one of them said, and what is made of it.

Asks an arm, or the other one in its place when it is out of order. Who is to be asked is decided in
`modes.py` and `slots.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from rung.core.clock import monotonic_ms
from rung.gateway.desk import Desk, Outage, Refused
from rung.gateway.refusal import Refusal

if TYPE_CHECKING:
    from rung.routes.asked import Asked

ArmName = Literal["specialist", "frontier"]
GOOD = ("ok", "repaired")
"""Statuses of an answer that is in no doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One arm's answer, or what was merged of both."""

    arm: ArmName | Literal["merged"]
    asked: Asked
    wait_ms: float
    model: str = ""
    """Of the frontier: which one was asked."""
    filled_by: Mapping[str, ArmName] = field(default_factory=dict)
    """Of a merged answer: the arm of each field."""
    refused: bool = False
    """The model or its server refused this input, so the answer failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """Fields of which the specialist's value is compared with the frontier's."""

    slots: tuple[str, ...] = ()
    """All where none is named."""
    frontier: Said
    specialist: Said | None = None
    """None where it is asked beside, after the answer has been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The answer that is served, and what else was or will be said."""

    mode: str
    served: Said
    others: tuple[Said, ...] = ()
    beside: Callable[[], Awaitable[Said]] | None = None
    """Asks the other arm too, after the answer has been sent."""
    shadow: Shadow | None = None


class Arms:
    """Asks the arms of one input."""

    def __init__(self, desk: Desk, *, frontier: str, task: str, text: str, owner: str = "") -> None:
        self._desk = desk
        self._owner = owner
        self._frontier = frontier
        self._task = task
        self._text = text

    async def say(self, arm: ArmName) -> Said:
        """Ask an arm, and the other one when it is out of order. Raises Refusal."""
        try:
            return await self.ask(arm)
        except Outage as outage:
            other = self._other(arm)
            if other is None:
                raise unavailable({arm: outage}) from None
            try:
                return await self.ask(other)
            except Outage as second:
                raise unavailable({arm: outage, other: second}) from None

    async def ask(self, arm: ArmName, slots: Sequence[str] = (), *, beside: bool = False) -> Said:
        """Ask one arm, of the frontier only some fields where they are named.

        `beside` an answer that has been sent. Raises Outage or Refusal.
        """
        began = monotonic_ms()
        frontier = self._frontier if arm == "frontier" else ""
        refused = False
        try:
            asked = await self._desk.answer(
                self._task,
                self._text,
                frontier=frontier,
                slots=slots,
                owner=self._owner,
                beside=beside,
            )
        except Refused as told:
            asked, refused = told.asked, True
        wait_ms = monotonic_ms() - began
        return Said(arm=arm, asked=asked, wait_ms=wait_ms, model=frontier, refused=refused)

    def _other(self, arm: ArmName) -> ArmName | None:
        if arm == "frontier":
            return "specialist" if self._desk.serving(self._task) else None
        return "frontier" if self._frontier else None


async def by_frontier(
    arms: Arms, mode: str, *, compared: bool, slots: tuple[str, ...] = ()
) -> Decided:
    """Have the frontier answer; what is to be compared is asked of the specialist beside."""
    served = await arms.say("frontier")
    if not compared or served.arm != "frontier":
        return Decided(mode=mode, served=served)

    async def beside() -> Said:
        return await arms.ask("specialist", beside=True)

    shadow = Shadow(slots=slots, frontier=served)
    return Decided(mode=mode, served=served, beside=beside, shadow=shadow)


def unavailable(outages: Mapping[ArmName, Outage]) -> Refusal:
    """Return the refusal of a task of which no arm can answer."""
    if len(outages) == 1:
        return Refusal(503, "route_unavailable", str(*outages.values()))
    told = "; ".join(f"{arm}: {outage}" for arm, outage in outages.items())
    return Refusal(503, "route_unavailable", told)


def escalated(better: Said, *doubted: Said, reason: str = "") -> Said:
    """Return a frontier's answer marked as one that took the place of others in doubt."""
    asked = better.asked
    if asked.status in GOOD:
        asked = replace(asked, status="escalated", reason=reason or asked.reason)
    wait_ms = max(said.wait_ms for said in doubted) + better.wait_ms
    return replace(better, asked=asked, wait_ms=wait_ms)
