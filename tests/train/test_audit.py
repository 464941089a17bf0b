"""A verifier that accepts what only looks right is found out, in forms and in worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import board
from rung.core.errors import TaskError, TrainError
from rung.tasks.scorers import score_output
from rung.tasks.task import Example, FieldScoring, Task
from rung.train.audit import Audit, audit, demand_audited
from rung.train.audit_probes import trials_of
from rung.train.rewards import Verifier, verifier_of
from rung.worlds.catalog import BUNDLED, load
from rung.worlds.operations import Operations
from rung.worlds.operations.generate import write_example
from rung.worlds.operations.workflows import KNOWN
from rung.worlds.world import Call, Outcome

CITIES = ("Bremen", "Lyon", "Porto", "Ghent", "Turin", "Basel", "Malmo", "Delft")
ORDERS = [
    Example(
        id=f"o{i}",
        input=f"order {i}",
        target={"product": f"{city} oak table", "sizes": [40 + i, 60 + i], "number": i},
        group=f"o{i}",
    )
    for i, city in enumerate(CITIES)
]
EXACT = {
    "product": FieldScoring(),
    "sizes": FieldScoring(scorer="set"),
    "number": FieldScoring(scorer="number"),
}


def verifier(**scoring: FieldScoring) -> Verifier:
    task = Task(
        name="orders",
        title="Orders",
        instruction="Read the order.",
        schema={},
        scoring=EXACT | scoring,
        path=Path("nowhere"),
    )
    return Verifier(task=task)


def test_exact_scorers_pass() -> None:
    found = audit(verifier(), ORDERS)
    assert found.problem == ""
    assert (found.num_right, found.num_refused, found.accepted) == (16, 0, {})
    families = {"nothing", "omitted", "wrapped", "wrong value", "wrong target", "prefix", "spam"}
    assert set(found.families) == families
    assert found.correlation == 1.0


@pytest.mark.parametrize(
    "scoring, family",
    [
        ({"product": FieldScoring(scorer="similarity", strict_at=0.6)}, "spam"),
        ({"product": FieldScoring(scorer="similarity", strict_at=0.4)}, "prefix"),
        ({"sizes": FieldScoring(scorer="set", strict_at=0.6)}, "prefix"),
        ({"number": FieldScoring(scorer="number", strict_at=0.01, tolerance=0.5)}, ""),
    ],
)
def test_partial_credit_is_found_out(scoring: dict[str, FieldScoring], family: str) -> None:
    found = audit(verifier(**scoring), ORDERS)
    assert bool(found.problem) == bool(family)
    if family:
        assert family in found.accepted
        with pytest.raises(TrainError, match="scorers of task 'orders' may not reward"):
            demand_audited(found)


def test_training_gives_no_partial_credit_where_reports_do() -> None:
    """Of `right ones, then others'`, similarity counts 2 * 3 / (3 + 4) = 0.86 in reports."""
    lax = verifier(product=FieldScoring(scorer="similarity", strict_at=0.8)).task
    right, padded = ORDERS[0].target, ORDERS[0].target | {"product": "Bremen oak table, Lyon"}
    assert score_output(lax, ORDERS[0], padded).strict
    asked = verifier_of(lax)
    assert asked.accepts(ORDERS[0], right | {"product": "BREMEN oak table."})
    assert not asked.accepts(ORDERS[0], padded)
    assert audit(asked, ORDERS).problem == ""


def test_what_is_not_strict_is_not_rewarded_either() -> None:
    task = verifier(number=FieldScoring(scorer="number", strict_at=0.0)).task
    assert verifier_of(task).accepts(ORDERS[0], ORDERS[0].target | {"number": 99})


LONG = ("operations", "operations-ood", "warehouse", "workbench", "workbench-templates")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in BUNDLED],
)
def test_every_bundled_task_may_reward(name: str) -> None:
    try:
        task = load(name)
    except TaskError as error:
        if BUNDLED[name].is_data_set is None:
            raise
        pytest.skip(str(error))
    for seed in range(3):
        found = audit(verifier_of(task), task.train, seed=seed)
        assert found.problem == "", found.exemplar
        assert found.num_refused == 0


def test_too_few_probes_prove_nothing() -> None:
    assert audit(verifier(), ORDERS[:1]).problem.startswith("only ")


def test_the_correlation_known_answer() -> None:
    """90 of 100 right answers accepted, 10 of 100 wrong ones: (90² - 10²) / 100² = 0.8."""
    found = Audit(
        verifier="v",
        num_right=100,
        num_refused=10,
        families={"spam": 100},
        accepted={"spam": 10},
    )
    assert found.correlation == pytest.approx(0.8)


class Lax(Operations):
    """Asks only that what was required is among what was written."""

    def score(self, example: Example, calls: Sequence[Call]) -> Outcome:
        made = [call.to_json() for call in calls]
        done = all(wanted in made for wanted in example.target["calls"])
        return Outcome(action_level=float(done), strict=done)


def test_worlds_are_tried_with_calls() -> None:
    examples: list[Any] = [
        write_example(flow, "train", f"w{number}", 0, "audit", number)
        for number, flow in enumerate(KNOWN[:10])
    ]
    task = replace(verifier().task, world="operations")
    found = audit(Verifier(task=task, world=Operations()), examples)
    assert found.problem == ""
    assert {"nothing", "prefix", "wrong value", "wrong target", "spam"} <= set(found.families)
    lax = audit(Verifier(task=task, world=Lax()), examples)
    assert {"spam"} <= set(lax.accepted) <= {"spam", "clobber"}
    assert lax.accepted["spam"] == lax.families["spam"]


def test_a_clobber_is_written_over_the_same_record() -> None:
    """Card 917 is in `doing` already: to move it there too would be right."""
    first, other = (
        board.example(f"{card} to {list}", moved(card, list), id=card)
        for card, list in (("card_903", "doing"), ("card_917", "done"))
    )
    asked = Verifier(task=replace(verifier().task, world="board"), world=board.Board())
    found = [t for t in trials_of(asked, [first, other]) if t.family == "clobber"]
    overs = [trial.output["calls"][-1]["arguments"] for trial in found]
    assert overs == [
        {"card_id": "card_903", "list": "done"},
        {"card_id": "card_917", "list": "doing"},
    ]
    assert not any(asked.accepts(trial.example, trial.output) for trial in found)


def moved(card: str, list: str) -> Call:
    return Call(tool="cards.move", arguments={"card_id": card, "list": list})
