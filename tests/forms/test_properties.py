"""For any schema a form can express: values survive, and no model can make an invalid answer."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import ANY, EXACT, LITERAL_ROOTS, ROOTS, TEXT, Kind, same
from rung.core.records import Message
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.forms import Filling, Value, answer_json, compile_form, fill, parse_answer, violation
from rung.forms.form import Node, Union, children_of
from rung.forms.lenient import read_literal

ASK = (Message(role="user", content="text"),)


@given(kind=ANY, data=st.data())
@settings(max_examples=80)
def test_every_value_a_schema_allows_survives_the_form(kind: Kind, data: Any) -> None:
    form = compile_form(kind.schema)
    value = data.draw(kind.values)
    assert violation(value, form) == ""
    text = answer_json(form, value)
    assert same(json.loads(text), value)
    assert same(parse_answer(text, form), value)
    if not _has_union(form.root):  # its arms may share names
        assert len({slot.path for slot in form.slots()}) == len(list(form.slots()))


def _has_union(node: Node) -> bool:
    return isinstance(node, Union) or any(map(_has_union, children_of(node)))


@given(kind=LITERAL_ROOTS | EXACT, data=st.data())
@settings(max_examples=60)
def test_what_the_model_writes_is_what_is_filled(kind: Kind, data: Any) -> None:
    """Script each slot with its literal; only text slots, left out here, are tidied."""
    form = compile_form(kind.schema)
    value = data.draw(kind.values)
    text = answer_json(form, value)

    def say(request: Request) -> str:
        rest = text[len(request.prefix) :]
        if request.choices:
            return max((c for c in request.choices if rest.startswith(c)), key=len)
        _, end = json.JSONDecoder().raw_decode(rest, len(rest) - len(rest.lstrip()))
        return rest[: end + 1]

    filled = fill(form, FakeEngine(script=say), ASK, Filling(max_tokens=10_000))
    assert (filled.status, filled.reason) == ("ok", "")
    assert same(filled.output, value)
    assert filled.text == text


JUNK = st.sampled_from(
    ["", " ", ",", "}", "null", " null,", ' "', ' "a"}', " 0,", " -1.5}", " NaN,", " 1e999,"]
    + [" [],", ' ["a", "a"],', ' "\\ud800",', "x" * 10_000, ' "' + "y z" * 4_000 + '"}', " true}"]
    + ["[" * 3_000, ' "2026-02-30",', '{"a": 1}', "a: b", "\x00", " {}", ' "abc",']
)
SAYS = st.lists(
    JUNK | TEXT | ROOTS.map(lambda kind: json.dumps(kind.schema)), min_size=1, max_size=6
)
SCORES = st.lists(st.floats() | st.floats(-20, 0), max_size=6)
ABLE = st.builds(
    Capabilities,
    **{name: st.booleans() for name in ("prefix", "choices", "regex", "schema")},
    choice_logprobs=st.booleans(),
)


@given(
    kind=ROOTS | ANY,
    says=SAYS,
    scores=SCORES,
    can=ABLE | st.just(Capabilities(prefix=True, choices=True, regex=True, choice_logprobs=True)),
    max_tokens=st.integers(1, 40),
    data=st.data(),
)
@settings(max_examples=60)
def test_whatever_the_model_emits_the_result_is_valid_or_failed(
    kind: Kind,
    says: list[str],
    scores: list[float],
    can: Capabilities,
    max_tokens: int,
    data: Any,
) -> None:
    form = compile_form(kind.schema)
    good = data.draw(kind.values)
    says = [*says, json.dumps(good)]
    if isinstance(good, dict):
        says += [f" {json.dumps(value)}," for value in good.values()]

    def say(request: Request) -> str:
        return data.draw(st.sampled_from(says))

    def score(request: Request) -> list[float]:
        wanted = len(request.choices) if data.draw(st.booleans()) else len(scores)
        return (scores * 10 + [-1.0] * 10)[:wanted]

    engine = FakeEngine(script=say, capabilities=can, choice_scores=score)
    filled = fill(form, engine, ASK, Filling(max_tokens=max_tokens))
    if filled.status == "failed":
        assert filled.output is None
        assert filled.reason
    else:
        assert filled.status in ("ok", "repaired")
        assert violation(filled.output, form) == ""
        json.dumps(filled.output, ensure_ascii=False, allow_nan=False).encode()
    for decision in filled.decisions.values():
        assert 0 <= decision.margin <= decision.p <= 1
        assert math.isclose(sum(decision.probabilities.values()), 1)


@given(kind=ROOTS)
@settings(max_examples=50)
def test_slot_expressions_are_portable_and_hold_literals(kind: Kind) -> None:
    for slot in compile_form(kind.schema).slots():
        if isinstance(slot, Value):
            plain = slot.regex.replace("\\\\", "")
            assert not re.search(r"\(\?[^:]|\\[dwsbDWSB]|[^\\]\$", plain)
            assert re.compile(slot.regex).fullmatch("no literal") is None


@given(st.recursive(st.none() | st.booleans() | st.integers(), lambda x: st.lists(x, max_size=3)))
def test_read_literal_reads_what_json_writes(value: Any) -> None:
    assert read_literal(json.dumps(value)) == value
