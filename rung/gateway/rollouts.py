"""Carry canaries on: read the outcomes of the present stage, judge, write the next mode.

Everything it knows is in the store, so a restart goes on where it was. A change is written only
while the mode it was judged under is still the last one, so two gateways never take two steps.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence

from rung.core.clock import unix_ms
from rung.gateway.canary import Evidence, Unit, Verdict, judge
from rung.gateway.modes import Mode, assign
from rung.registry import promoted
from rung.store import Store
from rung.store.calls import CallLog, Feedback, Outcome
from rung.store.modes import ModeLog

_FAILED = ("failed", "abstained")
_log = logging.getLogger("rung.gateway")


def carry_on(store: Store, task: str, mode: Mode) -> Verdict:
    """Judge a canary and take the step it has earned; return the verdict.

    Where another route has come into service it begins anew: what was seen is of the one before.
    """
    if other := _other_route(store, task, mode):
        detail = mode.detail.to_json() | {"stage": 0, "rollout": unix_ms(), "route": other}
        reason = "another route is in service, so the canary begins anew"
        if ModeLog(store).append(task, "canary", detail, reason, after=mode.id):
            _log.warning("canary of %s: %s", task, reason)
        return Verdict(step="hold", reason=reason)
    log = CallLog(store)
    verdict = judge(
        Evidence().add(units_of(log, task, mode)),
        stage=mode.detail.stage,
        margin=mode.detail.margin,
        max_failed=mode.detail.max_failed,
    )
    detail = mode.detail.to_json()
    modes = ModeLog(store)
    changed = False
    if verdict.step == "advance":
        detail["stage"] += 1
        changed = modes.append(task, "canary", detail, verdict.reason, after=mode.id)
    elif verdict.step == "rollback":
        detail = {"frontier": mode.detail.frontier}
        changed = modes.append(task, "teacher", detail, verdict.reason, after=mode.id)
    if changed:
        _log.warning("canary of %s: %s, %s", task, verdict.step, verdict.reason)
    return verdict


def _other_route(store: Store, task: str, mode: Mode) -> str:
    """Return the hash of the route in service where it is not the one that the canary is of."""
    now = promoted(store, task)
    if now is None or mode.detail.route in ("", now.route.hash):
        return ""
    return now.route.hash


def units_of(log: CallLog, task: str, mode: Mode) -> list[Unit]:
    """Return the conversations that began at the present stage, oldest first.

    A call that no arm answered was an outage, which is nobody's failure. An input that the
    specialist refused is its failure where the frontier answered it; until that is known, and where
    the frontier refused it too, it counts as none, so that the rate is never overstated.
    """
    grouped: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in log.outcomes(task, since=mode.since, mode="canary"):
        grouped.setdefault((outcome.tenant, outcome.conversation), []).append(outcome)
    answered = log.answered_beside(task, since=mode.since, mode="canary")
    said = log.feedback_on_outcomes(task, since=mode.since, mode="canary")
    return [
        Unit(
            arm=assign(mode, task, conversation),
            failed=any(_is_failure(one, answered) for one in outcomes),
            accepted=_accepted([said.get(one.id, []) for one in outcomes]),
        )
        for (_, conversation), outcomes in grouped.items()
    ]


def _is_failure(outcome: Outcome, answered: Collection[str]) -> bool:
    if outcome.arm != "specialist":
        return False
    return outcome.outcome in _FAILED or (outcome.outcome == "refused" and outcome.id in answered)


def _accepted(said: Sequence[Sequence[Feedback]]) -> float | None:
    """Return the mean over calls of the last thing said about each; a correction is a rejection."""
    shares = []
    for feedback in said:
        verdicts = [share for one in feedback if (share := _share(one)) is not None]
        if verdicts:
            shares.append(verdicts[-1])
    return sum(shares) / len(shares) if shares else None


def _share(feedback: Feedback) -> float | None:
    if feedback.accepted is not None:
        return float(feedback.accepted)
    if feedback.reward is not None:
        return min(1.0, max(0.0, feedback.reward))
    if feedback.correction is not None and json.loads(feedback.correction) is not None:
        return 0.0
    return None
