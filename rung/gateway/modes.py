"""Who answers an input of a task: the specialist (its route in service) or the frontier.

| mode         | answers                                          | runs beside, silently     |
|--------------|--------------------------------------------------|---------------------------|
| `teacher`    | frontier                                         |                           |
| `shadow`     | frontier                                         | specialist                |
| `cascade`    | specialist, in doubt the frontier (escalation)   | frontier, on a sample     |
| `canary`     | specialist for a share of conversations          | frontier, where refused   |
| `specialist` | specialist                                       |                           |

Escalation follows from an answer that is in doubt; falling back, from an arm that is out of order.
They are never taken for each other: an outage counts for no arm's quality, and a doubt is never
answered by asking the same arm again. An input that an arm refuses, because it is too long or asks
for what the model cannot do, has failed: it is in doubt, and no other arm stands in for it. It
counts against a canary's specialist only where the frontier, asked beside, answers it. Without a
frontier a doubtful answer is returned as what it is. Where single fields have modes of their own,
`slots.py` answers. Whether a canary goes on is judged in `canary.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean
from rung.gateway.arms import GOOD, ArmName, Arms, Decided, Said, by_frontier, escalated
from rung.gateway.desk import Desk, Outage
from rung.gateway.slots import SLOT_MODES, SlotMode, decide_by_slot
from rung.store.modes import ModeEntry

if TYPE_CHECKING:
    from rung.routes.asked import Asked

ModeName = Literal["teacher", "shadow", "cascade", "canary", "specialist"]
MODES: tuple[ModeName, ...] = get_args(ModeName)
_ASK_FRONTIER = ("teacher", "shadow", "canary")
USES: Mapping[str, tuple[str, ...]] = {
    "teacher": ("frontier", "slots"),
    "shadow": ("frontier", "slots"),
    "cascade": ("frontier", "min_p", "audit_share"),
    "canary": ("frontier", "stage", "margin", "max_failed", "rollout", "route"),
    "specialist": ("frontier", "slots"),
}
"""Of each mode: the fields of its detail that mean something."""
STAGES = (0.01, 0.05, 0.25, 1.0)
"""Shares of conversations that the specialist gets in a canary, one after the other."""


class Detail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes with a mode."""

    frontier: str = ""
    """Model that stands in for the frontier, e.g. `http:gpt-mini`."""
    min_p: float = 0.0
    """Cascade: a choice less probable than this is in doubt."""
    audit_share: float = 0.0
    """Cascade: share of undoubted inputs that the frontier answers beside."""
    stage: int = 0
    """Canary: index into `STAGES`."""
    margin: float = 0.05
    """Canary: largest loss of accepted answers that still counts as none."""
    max_failed: float = 0.05
    """Canary: share of failed answers above which it is rolled back."""
    rollout: int = 0
    """Canary: when it began, which the assignment goes by."""
    route: str = ""
    """Canary: hash of the route that it is of; empty in those from before it was noted."""
    slots: dict[str, SlotMode] = {}
    """Teacher, shadow, specialist: modes of single fields, where they differ from the task's."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for the store."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The present mode of a task."""

    id: int
    name: ModeName
    detail: Detail
    since: str = ""
    reason: str = ""


UNSET = Mode(id=0, name="specialist", detail=Detail())


def read_mode(entry: ModeEntry) -> Mode:
    """Decode a line of the log. Raises ConfigError for a mode this version does not know."""
    detail = check_mode(entry.mode, entry.detail)
    name: Any = entry.mode
    return Mode(id=entry.id, name=name, detail=detail, since=entry.created, reason=entry.reason)


def check_mode(name: str, detail: Mapping[str, Any]) -> Detail:
    """Return the detail decoded; raises ConfigError when name and detail make no mode."""
    if name not in MODES:
        raise ConfigError(f"no mode is called {name!r}", hint=did_you_mean(name, MODES))
    try:
        found = msgspec.convert(detail, type=Detail)
    except msgspec.ValidationError as error:
        raise ConfigError(f"mode {name!r}: {error}", hint="see docs/serving.md") from None
    if found.slots and name not in SLOT_MODES:
        raise ConfigError(
            f"mode {name!r} is one of a whole task, not of slots",
            hint=f"use {', '.join(SLOT_MODES)}",
        )
    asking = [own for own in (name, *found.slots.values()) if own in _ASK_FRONTIER]
    if asking and not found.frontier:
        raise ConfigError(
            f"mode {asking[0]!r} needs a frontier model",
            hint=f"--frontier http:NAME with {asking[0]}",
        )
    if not 0 <= found.stage < len(STAGES) or not 0 <= found.min_p <= 1:
        raise ConfigError(f"mode {name!r}: stage {found.stage}, min_p {found.min_p}")
    return found


async def decide(
    desk: Desk, mode: Mode, task: str, text: str, conversation: str, owner: str = ""
) -> Decided:
    """Answer an input as the task's mode says. Raises Refusal when no arm can."""
    arms = Arms(desk, frontier=mode.detail.frontier, task=task, text=text, owner=owner)
    if mode.detail.slots:
        return await decide_by_slot(arms, await desk.runtime(task), mode.name, mode.detail.slots)
    if mode.name in ("teacher", "shadow"):
        return await by_frontier(arms, mode.name, compared=mode.name == "shadow")
    if mode.name == "canary":
        served = await arms.say(assign(mode, task, conversation))
        alone = served.refused and served.arm == "specialist"
        return Decided(
            mode=mode.name,
            served=served,
            beside=(lambda: arms.ask("frontier", beside=True)) if alone else None,
        )
    served = await arms.say("specialist")
    if mode.name == "specialist" or not mode.detail.frontier or served.arm == "frontier":
        return Decided(mode=mode.name, served=served)
    if in_doubt(served.asked, mode.detail.min_p):
        return await _escalate(arms, mode, served)
    audit = draw("audit", task, text, conversation) < mode.detail.audit_share
    return Decided(
        mode=mode.name,
        served=served,
        beside=(lambda: arms.ask("frontier", beside=True)) if audit else None,
    )


async def _escalate(arms: Arms, mode: Mode, doubted: Said) -> Decided:
    """Hand a doubtful answer to the frontier; while that has none the doubt is served."""
    try:
        better = await arms.ask("frontier")
    except Outage:
        return Decided(mode=mode.name, served=doubted)
    if better.refused:
        return Decided(mode=mode.name, served=doubted, others=(better,))
    return Decided(mode=mode.name, served=escalated(better, doubted), others=(doubted,))


def in_doubt(asked: Asked, min_p: float) -> bool:
    """Return whether an answer should be handed to a stronger route."""
    if asked.status not in GOOD:
        return True
    return any(
        field["p"] < min_p or (field["set"] is not None and len(field["set"]) != 1)
        for field in asked.fields.values()
    )


def assign(mode: Mode, task: str, conversation: str) -> ArmName:
    """Return a conversation's arm in a canary: the same at every turn, and, once the specialist
    has it, at every later stage."""
    share = STAGES[mode.detail.stage]
    drawn = draw("canary", task, str(mode.detail.rollout), conversation)
    return "specialist" if drawn < share else "frontier"


def draw(*names: str) -> float:
    """Return a number in [0, 1) that depends on the names alone."""
    digest = hashlib.sha256("\x1f".join(names).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
