"""Serve a cascade: ask the first stage, and hand on what a rule or the policy's doubt says.

Rules over the request alone are judged before any model is asked, and skip the first stage; the
rest after each answer. A failed answer is always handed on. What was paid on the way is in
`Answer.spent`, a person's minutes included; latency is the machine's. The answer of the last stage
stands, whatever it is. Stages that act in a real world may not hand on what they have begun.
"""

from __future__ import annotations

from collections.abc import Callable

from rung.core.errors import ConfigError
from rung.core.records import Effort, Usage
from rung.routes.escalation.policy import Policy
from rung.routes.route import Route
from rung.routes.runtime import Answer, Runtime
from rung.routes.spent import PERSON, Spent, spent_on
from rung.tasks.task import Example
from rung.worlds.open import SIMULATED

Ask = Callable[[Route], Answer]


def run_cascade(route: Route, runtime: Runtime, example: Example, ask: Ask) -> Answer:
    """Return the answer of the stage at which the request came to rest; `ask` runs one stage."""
    policy, signals = runtime.escalation(route.policy)
    known = signals.before(example.input)
    first, why = _start(policy, known)
    paid: list[tuple[Route, Answer]] = []
    reasons = [why] if why else []
    for i in range(first, len(route.stages)):
        stage = route.stages[i]
        _refuse_second_hand(runtime, stage)
        found = ask(stage)
        paid.append((stage, found))
        witnesses = [(one, ask(one)) for one in route.witnesses] if i == 0 else []
        paid = [*witnesses, *paid]
        if i >= len(policy.handovers):
            return _settle(found, paid, reasons)
        row = known | signals.after(example.input, found, [said.output for _, said in witnesses])
        to, why = _after(policy, i, row, found)
        if not why:
            return _settle(found, paid, reasons)
        reasons.append(why)
        if to == "human" and policy.person is not None:
            break
    if policy.person is None:
        return _settle(paid[-1][1], paid, reasons)
    return _to_person(policy.person.minutes, paid, reasons)


def _start(policy: Policy, known: dict[str, float]) -> tuple[int, str]:
    """Return the stage to begin with, and why it is not the first."""
    rule = policy.rules.first(known, before=True)
    if rule is None:
        return 0, ""
    to_person = rule.to == "human" and policy.person is not None
    return len(policy.handovers) if to_person else 1, f"rule {rule.id}"


def _after(policy: Policy, i: int, row: dict[str, float], found: Answer) -> tuple[str, str]:
    """Return where an answer's request goes, and why; no reason means that the answer stands."""
    if found.status == "failed" or found.output is None:
        return "next", f"the answer failed: {found.reason}" if found.reason else "no answer"
    rule = policy.rules.first(row, before=False) if i == 0 else None
    if rule is not None:
        return rule.to, f"rule {rule.id}"
    handover = policy.handovers[i]
    score = handover.score(row)
    if score <= handover.threshold:
        return "next", ""
    return "next", f"doubt {handover.doubt.p_error(row):.2f}, above {handover.p_allowed(row):.2f}"


def _refuse_second_hand(runtime: Runtime, stage: Route) -> None:
    world = runtime.task.world
    if stage.output == "agent" and world and world not in SIMULATED:
        raise ConfigError(
            f"route {stage.name!r} acts in {world!r}, where another may not do its work again",
            hint="use rules over the request alone, and one route after them",
        )


def _settle(found: Answer, paid: list[tuple[Route, Answer]], reasons: list[str]) -> Answer:
    """Return the answer that stands, with everything that was paid for it."""
    moved = bool(reasons) and found.status in ("ok", "repaired")
    said = [*reasons, found.reason] if found.reason else reasons
    return Answer(
        output=found.output,
        status="escalated" if moved else found.status,
        reason="; ".join(said),
        stop=found.stop,
        refused=found.refused,
        text=found.text,
        decisions=found.decisions,
        usage=sum((answer.usage for _, answer in paid), Usage()),
        effort=sum((answer.effort for _, answer in paid), Effort()),
        latency_ms=sum(answer.latency_ms for _, answer in paid),
        spent=tuple(one for stage, answer in paid for one in spent_on(stage.model, answer)),
    )


def _to_person(minutes: float, paid: list[tuple[Route, Answer]], reasons: list[str]) -> Answer:
    """Return an answer without output: a person gives it."""
    nothing = Answer(output=None, status="escalated")
    machine = _settle(paid[-1][1], paid, []) if paid else nothing
    return Answer(
        output=None,
        status="escalated",
        reason="for a person: " + "; ".join(reasons),
        text=machine.text,
        decisions=machine.decisions,
        usage=machine.usage,
        effort=machine.effort,
        latency_ms=machine.latency_ms,
        spent=(*machine.spent, Spent(model=PERSON, latency_ms=minutes * 60_000.0)),
    )
