"""Rows to fit a cascade on: dev answers of every stage with the signals they give.

Answers are asked once and kept in the store. A person who takes what is left is not measured but
assumed. Nothing is fitted here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rung.core.errors import ConfigError
from rung.core.records import Row
from rung.engines.open import price_of_model
from rung.engines.prices import price_of
from rung.flow.session import Session, situation
from rung.ladder.baseline import reference_route
from rung.ladder.climb import draw
from rung.registry import find_route, promoted
from rung.routes.escalation.fit import Logs
from rung.routes.escalation.outcomes import Stage, person, stage_of
from rung.routes.escalation.policy import Person
from rung.routes.escalation.rules_file import FILE, read_rules
from rung.routes.escalation.signals import Signals
from rung.routes.escalation.worth import Kind
from rung.routes.evaluate import to_row
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.routes.spent import PERSON, answer_cost_usd
from rung.tasks.task import Example, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Which routes take part, on which examples."""

    specialist: str = ""
    """A measured route; empty: the one in service."""
    stronger: tuple[str, ...] = ()
    """Measured routes or models (`http:NAME`), the strongest last."""
    witnesses: tuple[str, ...] = ()
    """Measured routes asked beside the specialist; whether they agree is a signal."""
    person_minutes: float = 0.0
    """Of a person who takes what is left; 0: nobody does."""
    person_errors: float = 0.02
    error_usd: float = 1.0
    """What a wrong answer costs where the task prices none."""
    limit: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for a price of a wrong answer that is none."""
        if not 0.0 < self.error_usd < math.inf:
            raise ConfigError(
                f"a wrong answer costs ${self.error_usd:g}: where errors cost nothing, nothing is"
                " worth handing on",
                hint="give --error-usd a price above 0, or leave it out to count errors",
            )

    @property
    def person(self) -> Person | None:
        """The person who takes what is left, None where nobody does."""
        if self.person_minutes <= 0.0:
            return None
        return Person(minutes=self.person_minutes, p_error=self.person_errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Dev rows and signals of all stages."""

    routes: tuple[Route, ...]
    witnesses: tuple[Route, ...]
    logs: Logs
    kinds: tuple[Kind, ...]


def draw_examples(session: Session, asking: Asking) -> list[Example]:
    """Return the dev examples that are looked at, in a seeded order."""
    dev = session.task.dev
    return draw(dev, asking.limit or len(dev), seed=asking.seed, name="dev")


def find_routes(session: Session, asking: Asking) -> tuple[Route, ...]:
    """Return the routes that take part, the specialist first."""
    name = session.task.name
    if asking.specialist:
        first = find_route(session.store, name, asking.specialist)
    elif serving := promoted(session.store, name):
        first = serving.route
    else:
        raise ConfigError(
            f"no route of task {name!r} is in service", hint="name one with --specialist ROUTE"
        )
    first = first.stages[0] if first.stages else first
    return (first, *(_stronger(session, one, asking.seed) for one in asking.stronger))


def _stronger(session: Session, name: str, seed: int) -> Route:
    if name.startswith("http:"):
        return reference_route(situation(session, name, seed))
    return _measured(session, name)


def _measured(session: Session, name: str) -> Route:
    found = find_route(session.store, session.task.name, name)
    if found.stages:
        raise ConfigError(f"route {name!r} is a cascade itself", hint="name its stages instead")
    return found


def gather(session: Session, asking: Asking) -> Gathered:
    """Have every stage answer the dev examples, and compute the signals of each answer."""
    routes, examples = find_routes(session, asking), draw_examples(session, asking)
    if not examples:
        raise ConfigError(f"task {session.task.name!r} has no dev examples to learn from")
    words = read_rules(session.task.path / FILE).words
    signals = Signals(session.task, words)
    before = [signals.before(example.input) for example in examples]
    answers = [session.climber.answers(route, examples, "dev") for route in routes]
    stages = [
        stage_of(
            route.name,
            _rows(session, route, examples, found),
            error_usd=_priced(asking, session.task),
        )
        for route, found in zip(routes, answers, strict=True)
    ]
    witnesses = tuple(_measured(session, name) for name in asking.witnesses)
    heard = [session.climber.answers(route, examples, "dev") for route in witnesses]
    others = [[found[i].output for found in heard] for i in range(len(examples))]
    after = [
        [
            known | signals.after(example.input, said, told if stage == 0 else ())
            for known, example, said, told in zip(before, examples, found, others, strict=True)
        ]
        for stage, found in enumerate(answers)
    ]
    stages[0] = _with_witnesses(stages[0], witnesses, heard)
    somebody = asking.person
    if somebody is not None:
        stages.append(_person(somebody, after[-1], stages[-1]))
    kinds: list[Kind] = ["hosted" if r.model.startswith("http:") else "machine" for r in routes]
    return Gathered(
        routes=routes,
        witnesses=witnesses,
        logs=Logs(
            before=before,
            after=after if somebody is not None else after[:-1] or after,
            stages=stages,
            groups=[example.group for example in examples],
            person=somebody,
        ),
        kinds=(*kinds, "person") if somebody is not None else tuple(kinds),
    )


def _priced(asking: Asking, task: Task) -> float | None:
    return None if task.error_cost is not None else asking.error_usd


def _rows(
    session: Session, route: Route, examples: Sequence[Example], answers: Sequence[Answer]
) -> list[Row]:
    price = price_of_model(route.model)
    pairs = zip(examples, answers, strict=True)
    return [to_row(session.runtime, example, found, price, 0) for example, found in pairs]


def _with_witnesses(
    first: Stage, witnesses: Sequence[Route], heard: Sequence[Sequence[Answer]]
) -> Stage:
    """Return the first stage with its witnesses paid for."""
    cost, latency = first.cost_usd, first.latency_ms
    for route, found in zip(witnesses, heard, strict=True):
        price = price_of_model(route.model)
        cost = cost + np.array([answer_cost_usd(price, one) for one in found])
        latency = latency + np.array([one.latency_ms for one in found])
    return replace(first, cost_usd=cost, latency_ms=latency)


def _person(somebody: Person, rows: Sequence[dict[str, float]], before: Stage) -> Stage:
    """Return the assumed stage of a person: what the last machine's errors cost, at their rate."""
    price = price_of(PERSON)
    assert price.usd_per_hour is not None
    lost = before.loss_usd[before.accepted < 0.5]
    usual = float(lost.mean()) if len(lost) else 0.0
    loss = np.array([row.get("loss_if_wrong_usd", usual) for row in rows])
    usd = price.usd_per_hour * somebody.minutes / 60.0
    return person(loss, usd=usd, p_error=somebody.p_error)
