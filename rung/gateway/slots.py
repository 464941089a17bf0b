"""Answer a task field by field: each by the arm that its mode names, merged into one answer.

| mode of a slot | its value comes from | compared |
|----------------|----------------------|----------|
| `specialist`   | the specialist       |          |
| `teacher`      | the frontier         |          |
| `shadow`       | the frontier         | yes      |

A slot is a top-level field of the form. Both arms are asked at once, the frontier for its fields
only, without the rules that tie fields together. What cannot be merged, and what breaks a rule of
the form when it is, is in doubt: the frontier then gives the whole answer. What an agreement is, is
decided in `agreement.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from rung.gateway.arms import (
    GOOD,
    ArmName,
    Arms,
    Decided,
    Said,
    Shadow,
    by_frontier,
    escalated,
    unavailable,
)
from rung.gateway.desk import Outage

if TYPE_CHECKING:
    from rung.routes.asked import Asked
    from rung.routes.runtime import Runtime

SlotMode = Literal["teacher", "shadow", "specialist"]
SLOT_MODES: tuple[SlotMode, ...] = get_args(SlotMode)


def modes_of(fields: Sequence[str], mode: str, slots: Mapping[str, SlotMode]) -> dict[str, str]:
    """Return the mode of every field: its own, else the task's."""
    return {name: slots.get(name, mode) for name in fields}


def arms_of(by: Mapping[str, str]) -> dict[str, ArmName]:
    """Return the arm that fills each field."""
    return {name: "specialist" if mode == "specialist" else "frontier" for name, mode in by.items()}


async def decide_by_slot(
    arms: Arms, runtime: Runtime, mode: str, slots: Mapping[str, SlotMode]
) -> Decided:
    """Answer an input as the modes of its fields say. Raises Refusal when no arm can."""
    by = modes_of([name for name, _ in runtime.form.fields], mode, slots)
    filled_by = arms_of(by)
    shadowed = tuple(name for name, own in by.items() if own == "shadow")
    theirs = [name for name, arm in filled_by.items() if arm == "frontier"]
    if not theirs:
        return Decided(mode=mode, served=await arms.say("specialist"))
    if len(theirs) == len(by):
        return await by_frontier(arms, mode, compared=bool(shadowed), slots=shadowed)
    ours, rest = await _ask_both(arms, theirs)
    if isinstance(rest, Outage):
        if isinstance(ours, Outage):
            raise unavailable({"specialist": ours, "frontier": rest})
        return Decided(mode=mode, served=ours)
    if isinstance(ours, Outage):
        try:
            return Decided(mode=mode, served=await arms.ask("frontier"), others=(rest,))
        except Outage as outage:
            raise unavailable({"specialist": ours, "frontier": outage}) from None
    merged = await asyncio.to_thread(merge, runtime, filled_by, ours, rest)
    if isinstance(merged, Said):
        return Decided(mode=mode, served=merged, shadow=_shadow(shadowed, rest, ours))
    try:
        better = await arms.ask("frontier")
    except Outage:
        return Decided(mode=mode, served=ours, others=(rest,))
    if better.refused:
        return Decided(mode=mode, served=ours, others=(rest, better))
    return Decided(
        mode=mode,
        served=escalated(better, ours, rest, reason=merged),
        others=(ours, rest),
        shadow=_shadow(shadowed, better, ours),
    )


async def _ask_both(arms: Arms, theirs: Sequence[str]) -> tuple[Said | Outage, Said | Outage]:
    """Ask both arms at once; an outage is returned, anything else is raised."""
    found: list[Said | Outage] = []
    asking = (arms.ask("specialist"), arms.ask("frontier", theirs))
    for said in await asyncio.gather(*asking, return_exceptions=True):
        if not isinstance(said, Said | Outage):
            raise said
        found.append(said)
    return found[0], found[1]


def merge(runtime: Runtime, filled_by: Mapping[str, ArmName], ours: Said, rest: Said) -> Said | str:
    """Return the answer of which each field is its arm's, or why there is no valid one."""
    from rung.forms import violation
    from rung.forms.form import is_within, join_path
    from rung.tasks.replies import compose

    parts: dict[ArmName, Asked] = {"specialist": ours.asked, "frontier": rest.asked}
    for arm, part in parts.items():
        if part.status not in GOOD:
            return f"not merged, {arm}: {part.reason or part.status}"
    output = {
        name: values[name]
        for name, arm in filled_by.items()
        if name in (values := parts[arm].output or {})
    }
    if broken := violation(output, runtime.form):
        return f"not merged, {broken}"
    replies = runtime.task.replies
    asked = replace(
        ours.asked,
        output=output,
        status="repaired" if "repaired" in (ours.asked.status, rest.asked.status) else "ok",
        route=f"{ours.asked.route}+{rest.asked.route}",
        fields={
            path: told
            for name, arm in filled_by.items()
            for path, told in parts[arm].fields.items()
            if is_within(path, join_path("", name))
        },
        usage=ours.asked.usage + rest.asked.usage,
        latency_ms=max(ours.asked.latency_ms, rest.asked.latency_ms),
        cost_usd=ours.asked.cost_usd + rest.asked.cost_usd,
        reason="",
        reply=compose(replies, output) if replies else None,
    )
    wait_ms = max(ours.wait_ms, rest.wait_ms)
    return Said(arm="merged", asked=asked, wait_ms=wait_ms, filled_by=dict(filled_by))


def _shadow(slots: tuple[str, ...], frontier: Said, specialist: Said) -> Shadow | None:
    if not slots:
        return None
    return Shadow(slots=slots, frontier=frontier, specialist=specialist)
