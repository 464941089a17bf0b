"""What a route keeps with another adapter: margins as in the gate, hard limits to the example."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core.records import Row
from rung.gate.retention import judge_retention
from rung.tasks.task import Forbidden, GateRules, RecallLimit

RULES = GateRules(
    margin=0.03,
    alpha=0.05,
    forbidden=(Forbidden(name="leak", field="kind", true="secret", predicted=("open",)),),
    recall=(RecallLimit(field="kind", value="secret", minimum=0.5),),
)
NUM = 120
TARGETS = {f"e{i}": {"kind": "secret" if i % 2 else "open"} for i in range(NUM)}


def rows(scores: list[float], forbidden: frozenset[int] = frozenset()) -> list[Row]:
    return [
        Row(
            example=f"e{i}",
            group=f"g{i}",
            sample=0,
            score=score,
            strict=score == 1.0,
            output=TARGETS[f"e{i}"] if score == 1.0 else {"kind": "none"},
            forbidden=("leak",) if i in forbidden else (),
        )
        for i, score in enumerate(scores)
    ]


def judge(before: list[Row], after: list[Row], rules: GateRules = RULES):  # type: ignore[no-untyped-def]
    return judge_retention(before, after, rules=rules, targets=TARGETS, seed=0)


def test_ties_need_99_groups_to_rule_out_a_loss_of_three_in_a_hundred() -> None:
    """.97 ** 98 = .0505 and .97 ** 99 = .0490: the rule of three, exactly."""
    plain = replace(RULES, forbidden=(), recall=())
    for num, verdict in ((98, "hold"), (99, "promote")):
        tied = rows([1.0] * num)
        assert judge(tied, tied, plain).verdict == verdict


def test_a_loss_beyond_the_margin_is_rejected_with_its_interval() -> None:
    found = judge(rows([1.0] * NUM), rows([0.0 if i % 4 == 0 else 1.0 for i in range(NUM)]))
    assert found.verdict == "reject"
    told = found.to_json()
    assert (told["passed"], told["before"], told["after"]) == (False, 1.0, 0.75)
    assert told["comparison"]["diff"] == pytest.approx(-0.25)
    assert told["reason"].startswith("score 0.750 against 1.000: difference -0.250, between -0.3")


def test_forbidden_outcomes_may_not_rise_by_one() -> None:
    good = [1.0] * NUM
    worse = judge(rows(good, frozenset({1})), rows(good, frozenset({1, 3})))
    assert worse.verdict == "reject"
    assert worse.reasons[1].startswith("forbidden outcome 'leak' happened in 2 of 120")
    assert worse.reasons[1].endswith("(with the old adapter 1 of 120)")
    assert judge(rows(good, frozenset({1, 3})), rows(good, frozenset({5}))).verdict == "promote"


def test_a_recall_limit_that_was_kept_must_be_kept() -> None:
    """The margin of .5 would let the loss pass; the class that must be found would be gone."""
    half = [0.0 if i % 2 else 1.0 for i in range(NUM)]
    lax = replace(RULES, margin=0.9)
    lost = judge(rows([1.0] * NUM), rows(half), lax)
    assert lost.verdict == "reject" and "recall of kind=secret is 0 of 60" in lost.reasons[1]
    assert judge(rows(half), rows(half), lax).verdict == "promote", "it was not kept before either"


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=NUM, max_size=NUM),
    st.frozensets(st.integers(0, NUM - 1), max_size=5),
)
def test_what_does_not_change_is_kept(scores: list[float], forbidden: frozenset[int]) -> None:
    same = rows(scores, forbidden)
    found = judge(same, same)
    assert found.verdict == "promote" and found.comparison.difference.diff == 0.0
