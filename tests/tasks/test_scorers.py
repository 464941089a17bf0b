from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core.errors import TaskError
from rung.tasks.scorers import score_output
from rung.tasks.task import ErrorCost, Example, FieldScoring, Forbidden, GateRules, Task

EXAMPLE = Example(
    id="e", input="hi", target={"intent": "refund", "amount": 10, "note": "call back"}, group="e"
)
RIGHT = {"intent": "refund", "amount": 10, "note": "call back"}


@pytest.fixture
def scored(task):
    scoring = {
        "intent": FieldScoring(weight=2.0),
        "amount": FieldScoring(scorer="number", strict_at=0.0),
        "note": FieldScoring(scorer="similarity", strict_at=0.5),
        "aside": FieldScoring(scorer="ignore", weight=9.0),
    }
    return replace(task, scoring=scoring)


@pytest.mark.parametrize(
    "output, score, strict",
    [
        (RIGHT, 1.0, True),
        (RIGHT | {"aside": 1, "more": 2}, 1.0, True),
        (RIGHT | {"amount": 11}, 0.75, True),  # strict_at 0 leaves the amount out
        (RIGHT | {"note": "call"}, (2 + 1 + 2 / 3) / 4, True),
        (RIGHT | {"note": "call me on Monday"}, (2 + 1 + 2 / 6) / 4, False),
        (RIGHT | {"intent": "card"}, 0.5, False),
        ({"intent": "REFUND "}, 0.5, False),
        ({}, 0.0, False),
        (None, 0.0, False),
    ],
)
def test_weights_and_strict(scored, output, score, strict):
    result = score_output(scored, EXAMPLE, output)
    assert (result.score, result.strict) == (pytest.approx(score), strict)
    assert list(result.fields) == ["intent", "amount", "note"]


COSTS = ErrorCost(
    field="intent",
    default_usd=1.0,
    pairs=MappingProxyType(
        {("refund", "card"): 20.0, ("refund", "*"): 5.0, ("*", "close"): 50.0, ("a", "b"): 0.0}
    ),
)


@pytest.mark.parametrize(
    "true, output, cost_usd",
    [
        ("refund", {"intent": "refund"}, 0.0),
        ("refund", {"intent": " Refund"}, 0.0),  # right for the scorer, so free
        ("refund", {"intent": "card"}, 20.0),
        ("refund", {"intent": "CARD"}, 20.0),
        ("refund", {"intent": "other"}, 5.0),
        ("refund", {}, 5.0),  # no answer is anything but refund
        ("refund", None, 5.0),
        ("card", {"intent": "close"}, 50.0),
        ("card", {"intent": "refund"}, 1.0),
        ("card", None, 1.0),
        ("a", {"intent": "b"}, 0.0),  # a benign confusion
    ],
)
def test_error_costs(task, true, output, cost_usd):
    example = replace(EXAMPLE, target={"intent": true})
    assert score_output(replace(task, error_cost=COSTS), example, output).error_cost_usd == cost_usd


def test_a_value_within_tolerance_costs_nothing(task):
    scoring = {"amount": FieldScoring(scorer="number", tolerance=0.5)}
    costly = replace(task, scoring=scoring, error_cost=ErrorCost(field="amount", default_usd=3.0))
    assert score_output(costly, EXAMPLE, {"amount": 10.5}).error_cost_usd == 0.0
    assert score_output(costly, EXAMPLE, {"amount": 10.6}).error_cost_usd == 3.0


def test_an_optional_field_left_out_by_both_costs_nothing(task):
    example = replace(EXAMPLE, target={})
    costly = replace(task, error_cost=COSTS)
    assert score_output(costly, example, {}).error_cost_usd == 0.0
    assert score_output(costly, example, {"intent": "other"}).error_cost_usd == 1.0


@pytest.mark.parametrize(
    "rule_true, predicted, true, output, happened",
    [
        ("refund", ("card",), "refund", {"intent": "card"}, True),
        ("refund", ("card",), "refund", {"intent": "Card"}, True),
        ("refund", ("card",), "refund", {"intent": "other"}, False),
        ("refund", ("card",), "card", {"intent": "card"}, False),
        ("refund", ("card",), "refund", None, False),
        ("refund", ("*",), "refund", {"intent": "other"}, True),
        ("refund", ("*",), "refund", {"intent": "refund"}, False),
        ("refund", ("*",), "refund", {}, True),
        ("refund", ("*",), "refund", None, True),
        ("*", ("card",), "refund", {"intent": "card"}, True),
        ("*", ("card",), "card", {"intent": "card"}, False),
        ("*", ("card",), "refund", None, False),
    ],
)
def test_forbidden_outcomes(task, rule_true, predicted, true, output, happened):
    rule = Forbidden(name="lost", field="intent", true=rule_true, predicted=predicted)
    example = replace(EXAMPLE, target={"intent": true})
    result = score_output(replace(task, gate=GateRules(forbidden=(rule,))), example, output)
    assert result.forbidden == (("lost",) if happened else ())
    assert not (result.strict and happened)


def test_forbidden_breaks_strict_even_where_the_field_is_not_scored(task):
    rule = Forbidden(name="lost", field="amount", true="10", predicted=("*",))
    guarded = replace(task, gate=GateRules(forbidden=(rule,)))
    assert score_output(guarded, EXAMPLE, RIGHT).strict
    wrong = score_output(guarded, EXAMPLE, RIGHT | {"amount": 11})
    assert (wrong.score, wrong.strict, wrong.forbidden) == (1.0, False, ("lost",))


values = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["refund", "a b", ["a"]])
outputs = st.none() | st.dictionaries(st.sampled_from(["intent", "amount", "note"]), values)
rules = st.builds(
    FieldScoring,
    scorer=st.sampled_from(["exact", "number", "set", "similarity"]),
    weight=st.floats(0.01, 5),
    strict_at=st.floats(0, 1),
)


@given(st.fixed_dictionaries({"intent": rules, "amount": rules, "note": rules}), outputs)
def test_scores_are_bounded_and_strict_implies_the_score(scoring, output):
    task = Task(
        name="t", title="t", instruction="t", schema={}, scoring=scoring, path=Path("/nowhere")
    )
    result = score_output(task, EXAMPLE, output)
    assert 0.0 <= result.score <= 1.0
    assert all(0.0 <= value <= 1.0 for value in result.fields.values())
    weight = sum(rule.weight for rule in scoring.values())
    floor = sum(rule.weight * rule.strict_at for rule in scoring.values()) / weight
    assert not result.strict or result.score >= floor - 1e-6


def test_own_scorer_replaces_the_fields_and_keeps_the_rest(folder, task):
    (folder / "scorer.py").write_text(
        "def score(example, output):\n"
        "    return {'score': 0.5, 'strict': True, 'fields': {'tone': 0.25}}\n"
    )
    rule = Forbidden(name="lost", field="intent", true="refund", predicted=("card",))
    guarded = replace(task, error_cost=COSTS, gate=GateRules(forbidden=(rule,)))
    result = score_output(guarded, EXAMPLE, {"intent": "card"})
    assert (result.score, result.strict, dict(result.fields)) == (0.5, False, {"tone": 0.25})
    assert (result.error_cost_usd, result.forbidden) == (20.0, ("lost",))
    assert score_output(guarded, EXAMPLE, {"intent": "refund"}).strict
    assert score_output(guarded, EXAMPLE, None).score == 0.0


def test_own_scorer_that_fails_is_a_task_error(folder, task):
    (folder / "scorer.py").write_text("def score(example, output):\n    return output['gone']\n")
    with pytest.raises(TaskError, match=r"scorer.py, line 2: scoring example 'e' raised KeyError"):
        score_output(task, EXAMPLE, {"intent": "card"})
