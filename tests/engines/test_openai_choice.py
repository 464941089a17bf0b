"""Which choice was meant, and its probability read off the tokens that a server reports."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.engines.base import TokenLogprob
from rung.engines.openai_choice import choice_logprobs, decisive_bytes, meant


def log_sum(*values: float) -> float:
    return math.log(sum(map(math.exp, values)))


@pytest.mark.parametrize(
    "choices, expected",
    [
        ((" true", " false"), 2),
        (("low", "lower"), 4),
        (("a",), 1),
        (("a", "a"), 1),
        (("", "a"), 1),
        (("ä", "ö"), 2),
    ],
)
def test_after_how_many_bytes_choices_differ(choices, expected):
    assert decisive_bytes(choices) == expected


@given(st.lists(st.text(max_size=6), min_size=1, max_size=6, unique=True))
def test_that_many_characters_name_one_choice(choices):
    length = decisive_bytes(choices)
    for choice in choices:
        assert meant(choice, choices, cut=False) == [choice]
        cut = choice[:length]
        if len(choice.encode()) >= length:
            assert meant(cut, choices, cut=True) == [choice] or cut.endswith("\ufffd")


def token(name: str, **top: float) -> TokenLogprob:
    return TokenLogprob(token=name, logprob=top.get(name, 0.0), top=tuple(top.items()))


@pytest.mark.parametrize(
    "top, choices, expected",
    [
        ({"low": -0.1, "high": -2.4}, ("low", "high"), (-0.1, -2.4)),
        # two tokens begin it
        ({"l": -2.0, "low": -0.5, "hi": -2.4}, ("low", "high"), (log_sum(-2.0, -0.5), -2.4)),
        # a token that begins both tells nothing: their ratio stays
        (
            {"": -1.0, "low": -0.5, "hi": -2.0, "h": -4.0},
            ("low", "high"),
            (-0.5, log_sum(-2.0, -4.0)),
        ),
        # "re" begins two of three, and neither has anything alone
        (
            {"re": -1.0, "low": -0.7},
            ("refund", "low", "return"),
            (-1.0 - math.log(2), -0.7, -1.0 - math.log(2)),
        ),
        # "re" is divided in the ratio of "ref" to "ret", 3 to 1
        (
            {"re": math.log(0.2), "ref": math.log(0.3), "ret": math.log(0.1), "low": -1.0},
            ("refund", "return", "low"),
            (math.log(0.45), math.log(0.15), -1.0),
        ),
        # "re" starts both: the first token does not tell them apart
        ({"re": -0.1, "x": -3.0}, ("refund", "return"), ()),
        # one choice begins another
        ({"low": -0.1, "lower": -2.0}, ("low", "lower"), ()),
        # not reported, but nothing unreported can be as likely as 1e-4 of the best
        ({"low": -0.001, "x": -12.0}, ("low", "high"), (-0.001, -12.0)),
        # not reported, and it might be likely
        ({"low": -0.1, "x": -3.0}, ("low", "high"), ()),
        ({}, ("low", "high"), ()),
    ],
)
def test_choice_logprobs_known_answers(top, choices, expected):
    rows = [TokenLogprob(token="low", logprob=0.0, top=tuple(top.items()))]
    assert choice_logprobs(rows, 0, choices) == pytest.approx(expected)


def test_choice_logprobs_of_a_wrapped_choice_are_read_where_the_choice_starts():
    rows = [
        token('{"choice'),
        token('": "', **{'": "': 0.0}),
        TokenLogprob(token="low", logprob=-0.2, top=(("low", -0.2), ("high", -1.7))),
        token('"}'),
    ]
    start = len('{"choice": "')
    assert choice_logprobs(rows, start, ("low", "high")) == (-0.2, -1.7)


def test_choice_logprobs_where_the_quote_is_part_of_the_first_token():
    rows = [
        token('{"choice":'),
        TokenLogprob(token=' "low', logprob=-0.2, top=((' "low', -0.2), (' "high', -1.7))),
    ]
    assert choice_logprobs(rows, len('{"choice": "'), ("low", "high")) == (-0.2, -1.7)


def test_two_ways_to_write_a_choice_add_up_along_the_path():
    rows = [
        TokenLogprob(token="l", logprob=-1.0, top=(("l", -1.0), ("low", -2.0), ("hi", -3.0))),
        TokenLogprob(token="ow", logprob=-0.5, top=(("ow", -0.5), ("ove", -4.0))),
    ]
    expected = (log_sum(-2.0, -1.0 - 0.5), -3.0, -1.0 - 4.0)
    assert choice_logprobs(rows, 0, ("low", "high", "love")) == pytest.approx(expected)


VOCABULARY = [*"abc", "aa", "ab", "bc", "abc", "cab", "bb"]


@given(
    st.lists(st.text("abc", min_size=1, max_size=5), min_size=2, max_size=5, unique=True),
    st.lists(st.integers(0, 9), min_size=len(VOCABULARY), max_size=len(VOCABULARY)),
)
def test_probabilities_never_exceed_what_the_tokens_had(choices, weights):
    table = {name: weight + 1 for name, weight in zip(VOCABULARY, weights, strict=True)}
    rows, left = [], choices[0]
    while left:
        allowed = [
            n
            for n in table
            if any(
                c[len(choices[0]) - len(left) :].startswith(n)
                for c in choices
                if c.startswith(choices[0][: len(choices[0]) - len(left)])
            )
        ]
        total = sum(table[name] for name in allowed)
        top = tuple((name, math.log(table[name] / total)) for name in allowed)
        name = max((n for n in allowed if left.startswith(n)), key=len)
        rows.append(TokenLogprob(token=name, logprob=dict(top)[name], top=top))
        left = left[len(name) :]
    scores = choice_logprobs(rows, 0, choices)
    if scores:
        assert sum(map(math.exp, scores)) == pytest.approx(1.0)
    else:
        assert any(a.startswith(b) for a, b in itertools.permutations(choices, 2))
