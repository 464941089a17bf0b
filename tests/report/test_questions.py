"""Known answers of the questions, on rows small enough to check by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.ladder.result import Answered
from rung.report.pairing import Ratio, direction, pair
from rung.report.questions import answer_questions


@pytest.fixture
def arm_of(climbs):
    """An arm of scores; ids e0, e1, ...; every example its own group."""

    def make(rung, scores, *, route="", tokens=10, latency=100.0, **changes):
        rows = tuple(
            climbs.make_row(f"e{i}", score, usage=climbs.usage(0, 0, tokens), latency_ms=latency)
            for i, score in enumerate(scores)
        )
        return climbs.make_arm(route or rung, rows, rung=rung, **changes)

    return make


def line(found: tuple[Answered, ...], start: str) -> Answered:
    return next(item for item in found if item.question.startswith(start))


def test_the_form_that_wins_everywhere_explains_the_lift(arm_of):
    found = answer_questions(
        [
            arm_of("blank", [0.0] * 40, tokens=188, latency=600.0),
            arm_of("form", [1.0] * 40, tokens=10, latency=100.0),
        ]
    )
    told = line(found, "Did the form explain the lift")
    assert told.result.startswith("form - blank +1.000 [")
    assert "18.8x fewer output tokens [18.8x, 18.8x]" in told.result
    assert "6.0x lower mean latency [6.0x, 6.0x]" in told.result
    assert told.result.endswith("n=40 in 40 groups")
    assert told.interpretation.startswith("yes: the form alone scores higher")
    assert told.interpretation.endswith("; fewer output tokens and lower latency")


def test_equal_scores_claim_no_direction(arm_of):
    scores = [0.0, 1.0] * 20
    found = answer_questions([arm_of("json", scores), arm_of("form", scores)])
    told = line(found, "Does the form add anything")
    assert told.result.startswith("form - json .000 [-")
    assert told.interpretation == "no difference shown at n=40"


def test_a_lower_form_is_said_to_be_lower(arm_of):
    found = answer_questions([arm_of("json", [1.0] * 40), arm_of("form", [0.0] * 40)])
    assert line(found, "Does the form").interpretation.startswith("the form scores lower")


@pytest.mark.parametrize(
    ("off", "on", "told"),
    [(0.0, 1.0, "helped"), (1.0, 0.0, "hurt"), (0.5, 0.5, "no difference shown at n=40")],
)
def test_the_sign_of_thinking(arm_of, off, on, told):
    found = answer_questions(
        [
            arm_of("form", [off] * 40),
            arm_of("thinking", [on] * 40, route="form+think", tokens=20),
        ]
    )
    answer = line(found, "Did thinking help form?")
    assert answer.interpretation == f"{told}; more output tokens"
    assert "2.0x more output tokens [2.0x, 2.0x]" in answer.result


def test_each_thinking_arm_meets_its_own_twin(arm_of):
    found = answer_questions(
        [
            arm_of("blank", [0.0] * 40),
            arm_of("form", [1.0] * 40),
            arm_of("thinking", [1.0] * 40, route="blank+think"),
            arm_of("thinking", [1.0] * 40, route="form+think"),
            arm_of("thinking", [1.0] * 40, route="orphan+think"),
        ]
    )
    asked = [item.question for item in found if "thinking" in item.question]
    assert asked == ["Did thinking help blank?", "Did thinking help form?"]
    assert line(found, "Did thinking help blank?").interpretation == "helped"
    assert line(found, "Did thinking help form?").interpretation.startswith("no difference")


def test_examples_fall_back_to_the_form_as_twin(arm_of):
    found = answer_questions(
        [arm_of("form", [0.0] * 40), arm_of("examples", [1.0] * 40, route="shots")]
    )
    assert line(found, "Did examples in the prompt help form?").interpretation == "helped"


def test_training_is_never_credited_for_the_form(arm_of):
    found = answer_questions(
        [
            arm_of("blank", [0.0] * 40),
            arm_of("form", [1.0, 0.0] * 20),
            arm_of("sft", [0.0] * 40),
            arm_of("sft", [1.0, 0.0] * 20, route="sft+form"),
        ]
    )
    assert line(found, "Did training add to blank?").interpretation == "no difference shown at n=40"
    assert line(found, "Did training add to form?").interpretation == "no difference shown at n=40"
    assert line(found, "Does the form still add to sft?").interpretation.startswith("helped")
    assert line(found, "Did training add to form?").result.startswith("sft+form - form .000 [")


def test_training_is_not_credited_for_being_told_what_is_left(arm_of):
    found = answer_questions(
        [
            arm_of("recovery", [0.0] * 40, route="agent"),
            arm_of("recovery", [1.0, 0.0] * 20, route="agent+left"),
            arm_of("sft", [1.0, 0.0] * 20, route="sft+form"),
        ]
    )
    told = line(found, "Did training add to agent+left?").interpretation
    assert told.startswith("no difference")


def test_a_second_method_is_compared_with_the_first(arm_of):
    found = answer_questions(
        [
            arm_of("form", [0.0] * 40),
            arm_of("sft", [0.0] * 40, route="sft+form"),
            arm_of("dpo", [1.0, 0.0] * 20, route="dpo+form"),
        ]
    )
    assert line(found, "Did dpo add to sft+form?").interpretation.startswith("helped")
    assert "dpo+form - form" in found[1].result
    assert not any(one.question.startswith("Did sft add") for one in found)


def test_calibration_is_compared_with_the_form_and_with_its_priors(arm_of):
    found = answer_questions(
        [
            arm_of("form", [0.0] * 40),
            arm_of("form", [1.0] * 40, route="form+prior"),
            arm_of("calibrated", [1.0] * 40, route="form+calibrated"),
        ]
    )
    told = [item for item in found if "calibration" in item.question]
    assert [item.question for item in told] == [
        "Did calibration on labels help against form?",
        "Did calibration on labels help against form+prior?",
    ]
    assert told[0].result.startswith("form+calibrated - form +1.000 [")
    assert told[0].interpretation == "helped"
    assert told[1].interpretation == "no difference shown at n=40"


def cut_rows(climbs, arm, num_cut):
    """The arm with its first rows cut at the cap and lost."""
    rows = tuple(
        replace(row, score=0.0, strict=False, status="failed", error="cut at 256 tokens; no fields")
        if i < num_cut
        else row
        for i, row in enumerate(arm.rows)
    )
    return climbs.make_arm(arm.route, rows, rung=arm.rung)


@pytest.mark.parametrize(
    ("form_score", "told"),
    [
        (1.0, "not alone: where blank was not cut, the form still scores higher"),
        (0.5, "it may be: no difference shown at n=40 where blank was not cut"),
        (0.0, "it may explain the form's lift: where blank was not cut, blank scores higher"),
    ],
)
def test_the_output_budget(climbs, arm_of, form_score, told):
    blank = cut_rows(climbs, arm_of("blank", [0.5] * 60), 20)
    found = answer_questions([blank, arm_of("form", [form_score] * 60)])
    answer = line(found, "Was the output budget")
    assert answer.result.startswith("20 of 60 blank answers cut at 256 tokens and lost: 33.3% [")
    assert "n=40 in 40 groups" in answer.result
    assert answer.interpretation == told


def test_no_answer_lost_is_not_proof_of_none(arm_of):
    found = answer_questions([arm_of("blank", [1.0] * 59)])
    answer = line(found, "Was the output budget")
    assert answer.result == "0 of 59 blank answers cut and lost: 0% [0%, 6.1%]"  # Wilson, 0 of 59
    assert "none of 59 answers was lost to it, at most 6.1% may be" in answer.interpretation


def test_other_failures_are_not_blamed_on_the_budget(climbs, arm_of):
    blank = arm_of("blank", [0.0] * 30)
    broken = tuple(replace(row, status="failed", error="no fields") for row in blank.rows)
    blank = climbs.make_arm("blank", broken, rung="blank")
    answer = line(answer_questions([blank]), "Was the output budget")
    assert "0 of 30 blank answers cut" in answer.result
    assert "30 more failed for other reasons" in answer.result
    assert answer.interpretation.startswith("not shown")


def test_the_budget_without_a_form_to_compare(climbs, arm_of):
    blank = cut_rows(climbs, arm_of("blank", [1.0] * 60), 30)
    told = line(answer_questions([blank]), "Was the output budget").interpretation
    assert told == "at least 37.7% of the answers are lost to it"  # Wilson, 30 of 60


def text_rows(climbs, route, rung, *, text, queue):
    rows = tuple(
        climbs.make_row(
            f"e{i}",
            (text + queue) / 2,
            output={"queue": "a", "summary": f"text {i}"},
            fields={"queue": queue, "summary": text},
        )
        for i in range(40)
    )
    return climbs.make_arm(route, rows, rung=rung)


def test_mixed_is_judged_on_text_and_on_all_fields(climbs):
    found = answer_questions(
        [
            text_rows(climbs, "form", "form", text=1.0, queue=0.0),
            text_rows(climbs, "head+form", "mixed", text=0.0, queue=1.0),
        ]
    )
    answer = line(found, "Does the mixed route")
    assert answer.result.startswith("text (summary): head+form - form -1.000 [")
    assert answer.interpretation == "yes: text scores lower; no difference shown at n=40"


def test_a_mixed_route_that_keeps_text_states_the_loss_it_excludes(climbs):
    found = answer_questions(
        [
            text_rows(climbs, "form", "form", text=0.5, queue=0.0),
            text_rows(climbs, "head+form", "mixed", text=0.5, queue=1.0),
        ]
    )
    told = line(found, "Does the mixed route").interpretation
    assert "no difference shown at n=40 on text, a loss beyond ." in told
    assert told.endswith("higher over all fields")


def test_a_task_without_text_says_so(arm_of):
    found = answer_questions([arm_of("form", [0.0] * 40), arm_of("mixed", [1.0] * 40)])
    told = line(found, "Does the mixed route").interpretation
    assert told == "no free-text field to compare; higher over all fields"


def test_a_head_without_tokens_has_no_token_ratio(arm_of):
    found = answer_questions(
        [arm_of("form", [0.0] * 40), arm_of("head", [1.0] * 40, tokens=0, latency=1.0, model="")]
    )
    answer = line(found, "What does the linear head add")
    assert "output tokens 0 against 10" in answer.result
    assert answer.interpretation == "the head scores higher than the form; lower latency"


@pytest.mark.parametrize(
    ("dev", "holdout", "told"),
    [
        ((0.8, 0.75, 0.85), (0.78, 0.72, 0.84), "no drop shown at n=1"),
        ((0.8, 0.75, 0.85), (0.6, 0.55, 0.65), "no: scores lower than on dev"),
        ((0.6, 0.55, 0.65), (0.8, 0.75, 0.85), "scores higher than on dev"),
    ],
)
def test_dev_against_holdout(arm_of, dev, holdout, told):
    arms = [
        arm_of("form", [1.0], split=split, score=score, score_ci=(low, high))
        for split, (score, low, high) in (("dev", dev), ("holdout", holdout))
    ]
    answer = line(answer_questions(arms), "Did form hold up")
    assert answer.interpretation.startswith(told)


def test_the_independent_interval_is_that_of_mover(arm_of):
    arms = [
        arm_of("form", [1.0], split="dev", score=0.8, score_ci=(0.7, 0.85)),
        arm_of("form", [1.0], split="holdout", score=0.7, score_ci=(0.64, 0.8)),
    ]
    # -.1 - sqrt(.06^2 + .05^2) = -.178 and -.1 + sqrt(.1^2 + .1^2) = +.041
    result = line(answer_questions(arms), "Did form hold up").result
    assert result.endswith("holdout - dev -.100 [-.178, +.041]")


def test_examples_are_paired_by_id_not_by_position(climbs):
    rows = [climbs.make_row(f"e{i}", i % 2) for i in range(40)]
    arms = [
        climbs.make_arm("json", tuple(rows), rung="json"),
        climbs.make_arm("form", tuple(reversed(rows)), rung="form"),
    ]
    found = answer_questions(arms)
    assert line(found, "Does the form").result.startswith("form - json .000 [")


def test_only_common_examples_count_and_samples_are_averaged(climbs):
    reference = climbs.make_arm(
        "json", tuple(climbs.make_row(f"e{i}", 0.5, group=f"g{i // 2}") for i in range(6))
    )
    twice = [climbs.make_row("e1", score, sample=k) for k, score in enumerate((1.0, 0.0))]
    candidate = climbs.make_arm("form", (*twice, climbs.make_row("e2", 1.0)))
    both = pair(reference, candidate)
    assert both.examples == ("e1", "e2")
    assert both.groups == ("g0", "g1")
    assert both.difference().diff == pytest.approx(0.25)
    assert both.size == "n=2 in 2 groups"


def test_a_stopped_arm_is_named_as_such(arm_of):
    found = answer_questions(
        [
            arm_of("form", [1.0] * 40),
            arm_of("thinking", [0.0] * 20, route="form+think", stopped="worse"),
        ]
    )
    told = line(found, "Did thinking help form?").result
    assert "n=20 in 20 groups; form+think stopped early, interval not adjusted" in told


def test_arms_with_nothing_in_common_raise_no_question(climbs):
    arms = [
        climbs.make_arm("json", (climbs.make_row("a", 1.0),)),
        climbs.make_arm("form", (climbs.make_row("b", 1.0),)),
    ]
    assert answer_questions(arms) == ()
    assert answer_questions([replace(arm, rows=()) for arm in arms]) == ()
    assert answer_questions([]) == ()


def test_several_models_are_answered_apart(arm_of):
    arms = [
        arm_of(rung, [score] * 40, model=model)
        for model, form in (("small", 1.0), ("large", 0.0))
        for rung, score in (("json", 0.5), ("form", form))
    ]
    found = answer_questions(arms)
    higher = line(found, "Does the form add anything over the engine's JSON mode? (small)")
    lower = line(found, "Does the form add anything over the engine's JSON mode? (large)")
    assert "higher" in higher.interpretation
    assert "lower" in lower.interpretation


def test_arms_named_apart_by_their_model_find_their_twins(arm_of):
    asked = "Did training add to form?", "Did thinking help form?"
    for models in (["small"], ["small", "large"]):
        arms = [
            arm_of(
                rung, [score] * 40, route=f"{route}@{model}" if models[1:] else route, model=model
            )
            for model in models
            for rung, route, score in (
                ("blank", "blank", 0.0),
                ("form", "form", 1.0),
                ("thinking", "form+think", 1.0),
                ("sft", "sft+form", 1.0),
            )
        ]
        found = answer_questions(arms)
        for question in asked:
            told = line(found, question)
            assert told.interpretation == "no difference shown at n=40"
            assert "blank" not in told.result
        assert not any("add to blank" in item.question for item in found)


def test_holdout_arms_do_not_answer_dev_questions(arm_of):
    arms = [arm_of(rung, [1.0] * 4, split="holdout") for rung in ("json", "form")]
    assert answer_questions(arms) == ()


def test_ratio_words_follow_the_whole_interval():
    assert Ratio(value=2.0, ci=(1.5, 2.5)).shows("fewer", "more") == "fewer"
    assert Ratio(value=0.5, ci=(0.4, 0.9)).shows("fewer", "more") == "more"
    assert Ratio(value=1.2, ci=(0.9, 1.5)).shows("fewer", "more") == ""
    assert Ratio(value=0.5, ci=(0.4, 0.8)).text("fewer", "more") == "2.0x more [1.25x, 2.5x]"


def test_every_answer_of_a_whole_climb_carries_n_and_an_interval(climb):
    assert len(climb.answered) == 11
    for item in climb.answered:
        assert "n=" in item.result
        assert "[" in item.result
        assert "equal" not in item.interpretation


def test_direction_needs_the_whole_interval(arm_of):
    found = pair(arm_of("json", [0.0] * 40), arm_of("form", [1.0] * 40)).difference()
    assert direction(found, up="up", down="down") == "up"
    assert direction(replace(found, ci=(-0.1, 0.9)), up="up", down="down").startswith("no diff")
    assert direction(replace(found, ci=(-0.9, -0.1)), up="up", down="down") == "down"
