"""Count how often the specialist says of a field what the frontier says, while it runs in shadow.

Two values agree when the field's scorer gives them what strict demands, and 1 where strict leaves
the field out. The counts are kept by route and frontier, so they go on over restarts and other
changes of the mode. No text is kept. Who runs in shadow is decided in `modes.py` and `slots.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rung.gateway.arms import GOOD, Said, Shadow
from rung.store import Store
from rung.store.agreements import AgreementLog

if TYPE_CHECKING:
    from rung.routes.route import Route
    from rung.routes.runtime import Runtime
    from rung.tasks.task import FieldScoring


def count(store: Store, runtime: Runtime, route: Route, shadow: Shadow, specialist: Said) -> None:
    """Add one comparison; none is made with a frontier that had no answer, or refused the input."""
    frontier, asked = shadow.frontier, specialist.asked
    if frontier.asked.status not in (*GOOD, "escalated") or asked.route != route.name:
        return
    theirs = frontier.asked.output or {}
    ours = asked.output if asked.status in GOOD else None
    task = runtime.task
    slots = shadow.slots or tuple(name for name, _ in runtime.form.fields)
    agreed = compare(task.scoring, slots, theirs, ours)
    AgreementLog(store).add(task.name, route.hash, frontier.model, agreed)


def compare(
    scoring: Mapping[str, FieldScoring],
    slots: Sequence[str],
    theirs: Mapping[str, Any],
    ours: Mapping[str, Any] | None,
) -> dict[str, bool]:
    """Return of each slot whether the values agree; an answer that could not be had never does."""
    from rung.tasks.fields import score_field
    from rung.tasks.task import FieldScoring

    def agrees(name: str) -> bool:
        rule = scoring.get(name, FieldScoring())
        if rule.scorer == "ignore":
            rule = FieldScoring()
        elif not rule.strict_at:
            rule = replace(rule, strict_at=1.0)
        if ours is None:
            return False
        return rule.is_met(score_field(rule, theirs.get(name), ours.get(name)))

    return {name: agrees(name) for name in slots}
