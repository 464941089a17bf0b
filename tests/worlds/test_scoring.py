"""Scoring of calls: what counts as the same value, what a call is worth, and why it fails."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.worlds.canonical import contains
from rung.worlds.scoring import (
    CAUSES,
    action_level,
    canonical,
    judge,
    match_call,
    name_cause,
    pair_calls,
    settle,
)
from rung.worlds.world import Call

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NUMBERS = st.text("0123456789.,:-apm TZ/", max_size=12)


def call(tool: str, **arguments: Any) -> Call:
    return Call(tool=tool, arguments=arguments)


UPDATE = call("tickets.update", ticket_id="T-1042", status="resolved", priority="high")
MAIL = call("mail.send", to="mira@tessaro.example", subject="Lease L-207", body="It ends soon.")
SENT = Call(tool=MAIL.tool, arguments={**MAIL.arguments, "body": "L-207 ends on 2026-03-04"})
ENDS = {"subject": ("L-207",), "body": ("L-207", "2026-03-04")}


# Values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("  Mira\n KÖHLER ", "mira köhler"),
        (30, "30.0"),
        (1200.5, "1,200.50"),
        (-12.0, "-12"),
        (True, "True"),
        (None, ""),
        ("4 March 2026", "2026-03-04"),
        ("Wed, March 4th, 2026", "2026-3-4"),
        ("2026-03-04T09:00:00Z", "2026-03-04 9:00"),
        ("2026-03-04T09:00:00+00:00", "2026-03-04 9:00"),
        ("9 am", "09:00"),
        ("12:15 a.m.", "0:15"),
        ("2:30 PM", "14:30"),
        ("from 9:00 on 4 March 2026", "from 09:00 on 2026-03-04"),
        (["b", "a"], ("A", "B")),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        ({"day": "4 Mar 2026", "note": None}, {"day": "2026-03-04"}),
    ],
)
def test_values_that_mean_the_same_are_equal(one: object, other: object) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("00012", "12"),  # an id keeps its zeros
        ("T-1042", "T-1043"),
        ("4.2.10", "4.2.1"),
        ("03/04/2026", "2026-03-04"),  # day or month first?
        ("2026-02-30", "2026-03-02"),
        (True, 1),
        (["a", "a"], ["a"]),
        ("9 am", "9 pm"),
    ],
)
def test_values_that_differ_stay_apart(one: object, other: object) -> None:
    assert canonical(one) != canonical(other)


def test_numbers_of_any_size_have_a_form() -> None:
    assert len(canonical(10**5000)) == 5001 and canonical(1e300) == canonical(10**300)


@given(JSON | NUMBERS)
def test_any_value_has_a_form_and_text_keeps_it(value: Any) -> None:
    form = canonical(value)
    hash(form)
    assert form == canonical(value)
    if isinstance(form, str):
        assert canonical(form) == form


@pytest.mark.parametrize(
    ("text", "literal", "found"),
    [
        ("It ends on 4 March 2026.", "2026-03-04", True),
        ("About T-1042, please.", "t-1042", True),
        ("About T-10425, please.", "T-1042", False),
        ("Costs 12.50 in all", "12.5", True),
        ("Costs 12.50 in all", "12", False),
        ("Costs 3,012 in all", "12", False),
        ("", "12", False),
    ],
)
def test_a_literal_is_found_as_whole_words(text: str, literal: str, found: bool) -> None:
    assert contains(text, literal) is found


# One call


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (UPDATE, 1.0),
        (call("tickets.update", ticket_id="t-1042", status="Resolved ", priority="high"), 1.0),
        (call("tickets.update", ticket_id="T-1042", status="resolved"), 2 / 3),
        (call("tickets.update", ticket_id="T-9", status="open", priority="low"), 0.0),
        (call("tickets.create", ticket_id="T-1042", status="resolved", priority="high"), 0.0),
        (Call(tool="tickets.update", arguments={**UPDATE.arguments, "note": "x"}), 1.0),
    ],
)
def test_a_call_is_worth_the_share_of_its_required_arguments(made: Call, match: float) -> None:
    assert match_call(UPDATE, made) == pytest.approx(match)


@pytest.mark.parametrize(
    ("subject", "body", "match"),
    [
        ("Your lease L-207", "Lease L-207 ends on 4 March 2026.", 1.0),
        ("Your lease L-207", "Your lease ends on 2026-03-04.", (2 + 0.5) / 3),
        ("Your lease", "Your lease ends soon.", 1 / 3),
        ("L-207", "", 2 / 3),
    ],
)
def test_free_text_must_contain_its_literals(subject: str, body: str, match: float) -> None:
    made = call("mail.send", to="MIRA@tessaro.example", subject=subject, body=body)
    assert match_call(MAIL, made, ENDS) == pytest.approx(match)


def test_any_text_will_do_where_no_literal_is_asked_for() -> None:
    made = call("chat.post", channel="ops", text="whatever")
    assert match_call(call("chat.post", channel="ops", text="done"), made, {"text": ()}) == 1.0
    assert match_call(call("wait"), call("wait")) == 1.0


# Several calls


def test_calls_are_paired_for_the_best_sum_in_any_order() -> None:
    required = [call("a.set", id="1", x=1, y=1), call("a.set", id="2", x=1, y=1), call("b.set")]
    made = [call("a.set", id="2", x=1, y=1), call("a.set", id="1", x=1, y=9), call("c.set")]
    assert [pair.made for pair in pair_calls(required, made)] == [1, 0, None]
    assert action_level(required, made) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_one_call_cannot_serve_twice() -> None:
    assert action_level([UPDATE, UPDATE], [UPDATE]) == 0.5


def test_nothing_required_is_met_by_nothing() -> None:
    assert action_level([], []) == 1.0 and action_level([], [UPDATE]) == 0.0
    assert action_level([UPDATE], []) == 0.0


def test_texts_that_say_enough_are_settled_and_others_stay() -> None:
    good = call("mail.send", to="mira@tessaro.example", subject="L-207", body="L-207: 2026-03-04")
    bad = Call(tool="mail.send", arguments={**good.arguments, "body": "bye"})
    assert settle([MAIL], [good], [ENDS]) == [MAIL]
    assert settle([MAIL], [bad], [ENDS])[0].arguments["body"] == "bye"


# Causes


def but(made: Call, **changed: Any) -> Call:
    return Call(tool=made.tool, arguments={**made.arguments, **changed})


@pytest.mark.parametrize(
    ("made", "cause"),
    [
        ([UPDATE, SENT], ""),
        ([], "missing_action"),
        ([SENT], "missing_action"),
        ([UPDATE, SENT, call("chat.post")], "over_action"),
        ([but(UPDATE, ticket_id="T-1043", status="open")], "wrong_entity"),
        ([but(UPDATE, status="open", priority=None)], "wrong_argument"),
        ([but(UPDATE, priority=None)], "omitted_datum"),
        ([UPDATE, but(SENT, to="mia@tessaro.example")], "wrong_entity"),
        ([UPDATE, but(SENT, body="L-207")], "omitted_datum"),
    ],
)
def test_the_first_wrong_action_names_the_cause(made: list[Call], cause: str) -> None:
    assert name_cause([UPDATE, MAIL], made, [{}, ENDS]) == cause
    assert cause in CAUSES


def test_what_an_agent_did_wrong_goes_before_what_is_missing() -> None:
    assert name_cause([UPDATE], [], stopped="truncated") == "truncated"
    assert name_cause([UPDATE], [UPDATE], stopped="truncated") == ""
    assert (
        name_cause([UPDATE], [UPDATE], forbidden=["told_all"], stopped="malformed") == "forbidden"
    )


# The outcome


def test_strict_needs_the_state_and_nothing_beside_it() -> None:
    right = judge([UPDATE], [UPDATE], reached=True, changed=True)
    assert right.strict and right.action_level == 1.0 and not right.side_effects and not right.cause
    extra = judge([UPDATE], [UPDATE, MAIL], reached=False, changed=True, unasked=[1])
    assert not extra.strict and extra.num_extra == 1 and extra.cause == "over_action"
    assert extra.action_level == 1.0 and extra.side_effects
    broken = judge([UPDATE], [UPDATE], reached=True, changed=True, forbidden=["told_all"])
    assert not broken.strict and broken.forbidden == ("told_all",) and broken.cause == "forbidden"
    idle = judge([UPDATE], [], reached=False, changed=False)
    assert (idle.action_level, idle.strict, idle.num_missing) == (0.0, False, 1)
    assert idle.cause == "missing_action" and not idle.side_effects


def test_a_wrong_write_is_not_an_extra_one() -> None:
    made = call("tickets.update", ticket_id="T-1043", status="resolved", priority="high")
    wrong = judge([UPDATE], [made], reached=False, changed=True, unasked=[0])
    assert (wrong.num_extra, wrong.num_missing, wrong.cause) == (0, 0, "wrong_entity")


def test_other_calls_that_reach_the_state_are_strict() -> None:
    steps = [
        call("tickets.update", ticket_id="T-1042", status="resolved"),
        call("tickets.update", ticket_id="T-1042", priority="high"),
    ]
    assert judge([UPDATE], steps, reached=True, changed=True).strict


def test_writing_everything_scores_nothing() -> None:
    made = [UPDATE, *[call("chat.post", channel="ops", text=str(at)) for at in range(3)]]
    assert judge([UPDATE], made[:2], reached=False, changed=True, unasked=[1]).action_level == 1.0
    flood = judge([UPDATE], made, reached=False, changed=True, unasked=[1, 2, 3])
    assert flood.action_level == 0.0 and flood.num_extra == 3
