"""The gate's verdict: score, cost, hard limits, several candidates; its sentences carry numbers."""

import json
import math
from dataclasses import replace

import pytest

from rung.core.errors import GateError
from rung.core.hashing import canonical_json
from rung.core.records import Row
from rung.gate.verdict import judge
from rung.tasks.task import Forbidden, GateRules, RecallLimit

N = 200


def rows(*, lost=0, won=0, cost=0.001, forbidden=0, output=None, n=N, group_size=1):
    """`n` examples that the incumbent gets right but for ten; `lost` and `won` differ from it."""
    right = [True] * (n - 10) + [False] * 10
    right[:lost] = [False] * lost
    right[n - 10 : n - 10 + won] = [True] * won
    return [
        Row(
            example=f"e{i:03}",
            group=f"g{i // group_size}",
            score=float(ok),
            strict=ok,
            output=output(i) if output else {"intent": "refund"},
            cost_usd=cost(i) if callable(cost) else cost,
            forbidden=("leak",) if i < forbidden else (),
        )
        for i, ok in enumerate(right)
    ]


INCUMBENT = rows(cost=0.01)
RULES = GateRules(margin=0.05)


def decide(rules=RULES, targets=None, incumbent=INCUMBENT, **candidates):
    return judge(
        candidates, incumbent, incumbent_name="frontier", rules=rules, targets=targets or {}
    )


@pytest.mark.parametrize(
    ("candidate", "verdict", "says"),
    [
        (rows(), "promote", "90% or more saved"),
        (rows(lost=2, won=2), "promote", "difference +0.000"),
        (rows(lost=8), "hold", "too thin to decide"),
        (rows(lost=30), "reject", "worse than the margin allows"),
        (rows(cost=0.01), "hold", "neither shown to be cheaper nor better"),
        (rows(cost=0.02), "hold", "neither shown to be cheaper nor better"),
        (rows(cost=0.02, won=10), "promote", "not shown to be cheaper, but better"),
        (rows(cost=0.02, lost=30), "reject", "neither shown to be cheaper nor better"),
        # a machine's pace differs by as much from one hour to the next
        (rows(cost=0.0097), "hold", "3.0% or more saved, less than the 5% that count"),
        (rows(cost=0.0094), "promote", "6% or more saved"),
        # cheaper on average only because of luck in a few examples
        (rows(cost=lambda i: 0.8 if i < 2 else 0.001), "hold", "neither shown to be cheaper"),
    ],
)
def test_one_candidate(candidate, verdict, says):
    report = decide(small=candidate)
    assert report.verdict == report.candidates[0].verdict == verdict
    assert report.promoted == ("small" if verdict == "promote" else None)
    assert says in report.reason
    assert report.reason.startswith("small: ")


def test_candidate_shown_dearer_and_shown_not_better_is_rejected_on_cost():
    report = decide(GateRules(margin=0.3), small=rows(cost=0.02, lost=12))
    (one,) = report.candidates
    assert (one.score_verdict, one.cost_verdict, one.verdict) == ("promote", "reject", "reject")


@pytest.mark.parametrize(
    ("candidate", "verdict", "says"),
    [
        (rows(), "hold", "what the incumbent cost is not known: it must be shown to be better"),
        (rows(won=10), "promote", "what the incumbent cost is not known: but better"),
        (rows(lost=30), "reject", "worse than the margin allows"),
    ],
)
def test_an_incumbent_of_unknown_cost_falls_to_better_candidates_only(candidate, verdict, says):
    report = judge(
        {"small": candidate},
        rows(cost=0.0),
        incumbent_name="recorded",
        rules=RULES,
        targets={},
        priced=False,
    )
    assert report.verdict == verdict
    assert says in report.reason
    assert report.to_json()["priced"] is False


def test_reasons_hold_every_number_of_the_score():
    (one,) = decide(small=rows(lost=4, won=2)).candidates
    sentence = one.reasons[0]
    for number in ("0.940", "0.950", "-0.010", "200 examples in 200 groups", "0.050", "95%"):
        assert number in sentence
    assert "$0.001 against $0.01" in one.reasons[1]


def test_hold_says_how_many_examples_would_settle_it():
    (one,) = decide(small=rows(lost=8, won=3)).candidates
    assert one.num_needed is not None
    assert f"about {one.num_needed:,} examples" in one.obstacles[0]


def test_hold_admits_when_more_examples_would_not_help():
    report = decide(incumbent=rows(cost=0.01, n=800), small=rows(lost=45, n=800))
    (one,) = report.candidates
    assert (one.verdict, one.num_needed) == ("hold", None)
    assert "only if the observed -0.056 is chance" in report.reason


def allowing(rate):
    leak = Forbidden(name="leak", field="intent", true="a", predicted=("b",), max_rate=rate)
    return GateRules(margin=0.05, forbidden=(leak,))


@pytest.mark.parametrize(
    ("count", "max_rate", "verdict"),
    [
        (0, 0.0, "promote"),
        (1, 0.0, "reject"),  # never means never
        (2, 0.01, "promote"),  # the point estimate is at the limit
        (4, 0.01, "hold"),  # 2 % seen, but 1 % is still likely
        (20, 0.01, "reject"),
    ],
)
def test_forbidden_outcomes(count, max_rate, verdict):
    report = decide(allowing(max_rate), small=rows(forbidden=count))
    (check,) = report.candidates[0].limits
    assert report.verdict == check.verdict == verdict
    assert f"{count} of 200 examples" in report.candidates[0].reasons[2]


def test_forbidden_in_any_sample_counts_once():
    samples = [
        Row(example="a", group="a", sample=k, score=1, strict=True, forbidden=("leak",) * (k == 1))
        for k in range(3)
    ]
    report = judge({"x": samples}, samples, incumbent_name="i", rules=allowing(0.5), targets={})
    assert report.candidates[0].limits[0].num_hits == 1


@pytest.mark.parametrize(
    ("num_class", "num_found", "verdict"),
    [
        (20, 19, "promote"),
        (20, 16, "promote"),  # exactly the minimum
        (20, 15, "hold"),  # below it, but by chance perhaps
        (20, 5, "reject"),
        (0, 0, "hold"),  # a limit that cannot be checked is not met
    ],
)
def test_recall_of_a_class(num_class, num_found, verdict):
    limit = RecallLimit(field="intent", value="fraud", minimum=0.8)
    targets = {row.example: {"intent": "refund"} for row in INCUMBENT}
    targets |= {f"e{i:03}": {"intent": "fraud"} for i in range(num_class)}
    candidate = rows(output=lambda i: {"intent": "fraud"} if i < num_found else None)
    report = decide(GateRules(margin=0.05, recall=(limit,)), targets, small=candidate)
    (check,) = report.candidates[0].limits
    assert (check.num_hits, check.num_examples, check.verdict) == (num_found, num_class, verdict)
    assert report.verdict == verdict
    said = f"{num_found} of {num_class}" if num_class else "no example of intent=fraud"
    assert said in check.reason


def test_an_answer_that_broke_the_schema_finds_no_class():
    limit = RecallLimit(field="intent", value="refund", minimum=0.8)
    targets = {row.example: {"intent": "refund"} for row in INCUMBENT}
    broken = [replace(row, strict=False, status="failed") for row in rows()]
    report = decide(GateRules(margin=0.05, recall=(limit,)), targets, small=broken)
    assert (report.candidates[0].limits[0].num_hits, report.verdict) == (0, "reject")


@pytest.mark.parametrize("value", [True, 3, None])
def test_recall_of_values_that_are_not_strings(value):
    limit = RecallLimit(field="urgent", value=canonical_json(value), minimum=0.8)
    targets = {row.example: {"urgent": value} for row in INCUMBENT}
    candidate = rows(output=lambda _: {"urgent": value})
    report = decide(GateRules(margin=0.05, recall=(limit,)), targets, small=candidate)
    assert report.candidates[0].limits[0].num_hits == N


def test_recall_without_targets_is_an_error():
    limit = RecallLimit(field="intent", value="fraud", minimum=0.8)
    with pytest.raises(GateError, match="'e000' has no target"):
        decide(GateRules(recall=(limit,)), small=rows())


def test_cheapest_of_those_that_pass_is_promoted():
    report = decide(wrong=rows(cost=0.0001, lost=60), good=rows(cost=0.001), fine=rows(cost=0.002))
    assert (report.verdict, report.promoted) == ("promote", "good")
    assert [one.verdict for one in report.candidates] == ["reject", "promote", "promote"]


def test_hold_outranks_reject_when_nothing_passes():
    report = decide(wrong=rows(lost=60), thin=rows(lost=8))
    assert (report.verdict, report.promoted) == ("hold", None)
    assert report.reason.startswith("wrong: ")
    assert ". thin: " in report.reason
    assert decide(wrong=rows(lost=60)).verdict == "reject"


def test_more_candidates_need_more_evidence():
    """Alone this candidate passes; as one of four it holds, and the sentence says why."""
    candidate = rows(lost=4)
    alone = decide(small=candidate)
    assert alone.verdict == "promote"
    family = decide(small=candidate, **{f"other{i}": rows(lost=12) for i in range(3)})
    one = family.candidates[0]
    assert one.p_non_inferior == pytest.approx(4 * alone.candidates[0].p_non_inferior)
    assert one.score_verdict == "hold"
    assert "after Holm over all candidates" in one.reasons[0]


def test_one_group_holds_and_its_report_is_plain_json():
    report = decide(incumbent=rows(cost=0.01, group_size=N), small=rows(won=10, group_size=N))
    assert report.verdict == "hold"
    assert math.isinf(report.candidates[0].cost.ci[1])
    data = json.loads(canonical_json(report.to_json()))
    assert data["candidates"][0]["cost"]["ci"] == [None, None]
    assert data["candidates"][0]["comparison"]["num_groups"] == 1


def test_equal_rows_give_an_equal_report():
    candidate = rows(lost=3, won=1, cost=lambda i: 0.001 * (1 + i % 7))
    assert decide(small=candidate) == decide(small=candidate)


def test_nothing_to_judge_is_an_error():
    with pytest.raises(GateError, match="no candidate"):
        decide()


def test_a_saving_of_time_counts_where_both_were_timed_together():
    def hold_back(num):
        return [replace(row, timed=i >= num) for i, row in enumerate(INCUMBENT)]

    (some,) = decide(cheap=rows(), incumbent=hold_back(50)).candidates
    assert some.verdict == "promote" and "timed" not in some.cost.to_json()
    (none,) = decide(cheap=rows(), incumbent=hold_back(N)).candidates
    assert none.verdict == "hold" and none.cost.to_json()["timed"] is False
    assert "was measured in another hour: it must be shown to be better" in none.reasons[1]
    (better,) = decide(best=rows(won=10), incumbent=hold_back(N)).candidates
    assert better.verdict == "promote"
