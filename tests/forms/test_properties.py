"""For any schema a form can express: values survive, and no model can make an invalid answer."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.records import Message
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.forms import Value, answer_json, compile_form, fill, parse_answer, violation
from rung.forms.lenient import read_literal

ASK = (Message(role="user", content="text"),)


class Kind(NamedTuple):
    """A subschema and the values it allows."""

    schema: dict[str, Any]
    values: st.SearchStrategy[Any]


TEXT = st.text(max_size=12) | st.text('a"\\\n\t\x00\x7f\u2028😀{}:,', max_size=6)
LABEL = TEXT | st.integers(-5, 5) | st.none() | st.booleans() | st.sampled_from([1.5, "a", "a b"])


def _distinct(labels: list[Any]) -> list[Any]:
    return list({json.dumps(label): label for label in labels}.values())


@st.composite
def enums(draw: Any) -> Kind:
    labels = _distinct(draw(st.lists(LABEL, min_size=1, max_size=5)))
    return Kind({"enum": labels}, st.sampled_from(labels))


@st.composite
def integers(draw: Any) -> Kind:
    low = draw(st.none() | st.integers(-(10**6), 10**6))
    high = draw(st.none() | st.integers(low if low is not None else -(10**6), 10**7))
    bounds = {"minimum": low, "maximum": high}
    schema = {"type": "integer"} | {k: v for k, v in bounds.items() if v is not None}
    return Kind(schema, st.integers(low, high))


@st.composite
def numbers(draw: Any) -> Kind:
    low = draw(st.none() | st.floats(-1000, 1000))
    schema = {"type": "number"} | ({} if low is None else {"minimum": low})
    finite = st.floats(min_value=low, allow_nan=False, allow_infinity=False)
    return Kind(schema, finite | st.integers(math.ceil(low) if low is not None else None))


@st.composite
def texts(draw: Any) -> Kind:
    low = draw(st.integers(0, 4))
    high = draw(st.integers(low, 12))
    schema = {"type": "string", "minLength": low, "maxLength": high}
    return Kind(schema, st.text(min_size=low, max_size=high))


FIXED = st.sampled_from(
    [
        Kind({"type": "boolean"}, st.booleans()),
        Kind({"const": "a b"}, st.just("a b")),
        Kind({"const": None}, st.none()),
        Kind({"type": "string", "format": "date"}, st.dates().map(str)),
    ]
)
PATTERNS = st.sampled_from(
    [
        Kind({"type": "string", "pattern": "^[a-c]+$"}, st.from_regex(r"[a-c]+", fullmatch=True)),
        Kind({"type": "string", "pattern": '"'}, st.text().map(lambda text: f'{text}"')),
    ]
)
LITERAL = FIXED | enums() | integers() | numbers()
SCALARS = LITERAL | texts() | PATTERNS


def nullable(kind: Kind) -> Kind:
    return Kind({"anyOf": [kind.schema, {"type": "null"}]}, st.none() | kind.values)


def array(kind: Kind) -> Kind:
    return Kind({"type": "array", "items": kind.schema}, st.lists(kind.values, max_size=4))


def thing(parts: dict[str, Kind]) -> Kind:
    schema = {"type": "object", "properties": {name: kind.schema for name, kind in parts.items()}}
    return Kind(schema, st.fixed_dictionaries({name: kind.values for name, kind in parts.items()}))


NAMES = st.sampled_from(["a", "b", "a.b", "A", "", "order id", 'x"y', "ü"]) | st.text(max_size=5)


def roots(fields: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    inner = st.dictionaries(NAMES, fields, min_size=1, max_size=3).map(thing)
    return st.dictionaries(NAMES, fields | inner, min_size=1, max_size=4).map(thing)


ROOTS = roots(SCALARS | SCALARS.map(nullable) | SCALARS.map(array))
LITERAL_ROOTS = roots(LITERAL | LITERAL.map(nullable) | SCALARS.map(array))


def _same(left: Any, right: Any) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@given(kind=ROOTS, data=st.data())
@settings(max_examples=50)
def test_every_value_a_schema_allows_survives_the_form(kind: Kind, data: Any) -> None:
    form = compile_form(kind.schema)
    value = data.draw(kind.values)
    assert violation(value, form) == ""
    text = answer_json(form, value)
    assert _same(json.loads(text), value)
    assert _same(parse_answer(text, form), value)
    assert len({slot.path for slot in form.slots()}) == len(list(form.slots()))


@given(kind=LITERAL_ROOTS, data=st.data())
@settings(max_examples=50)
def test_what_the_model_writes_is_what_is_filled(kind: Kind, data: Any) -> None:
    """Script each slot with its literal; only text slots, left out here, are tidied."""
    form = compile_form(kind.schema)
    value = data.draw(kind.values)
    text = answer_json(form, value)

    def say(request: Request) -> str:
        rest = text[len(request.prefix) :]
        if request.choices:
            return max((c for c in request.choices if rest.startswith(c)), key=len)
        _, end = json.JSONDecoder().raw_decode(rest, 1)
        return rest[: end + 1]

    filled = fill(form, FakeEngine(script=say), ASK, max_tokens=10_000)
    assert (filled.status, filled.reason) == ("ok", "")
    assert _same(filled.output, value)
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
    **{name: st.booleans() for name in ("prefix", "choices", "regex", "schema", "in_process")},
    choice_logprobs=st.booleans(),
)


@given(
    kind=ROOTS,
    says=SAYS,
    scores=SCORES,
    can=ABLE | st.just(Capabilities(prefix=True, choices=True, regex=True, choice_logprobs=True)),
    max_tokens=st.integers(1, 40),
    data=st.data(),
)
@settings(max_examples=80)
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
    says = [*says, json.dumps(good), *(f" {json.dumps(value)}," for value in good.values())]

    def say(request: Request) -> str:
        return data.draw(st.sampled_from(says))

    def score(request: Request) -> list[float]:
        wanted = len(request.choices) if data.draw(st.booleans()) else len(scores)
        return (scores * 10 + [-1.0] * 10)[:wanted]

    engine = FakeEngine(script=say, capabilities=can, choice_scores=score)
    filled = fill(form, engine, ASK, max_tokens=max_tokens)
    if filled.status == "failed":
        assert filled.output is None
        assert filled.reason
    else:
        assert filled.status in ("ok", "repaired")
        assert violation(filled.output, form) == ""
        json.dumps(filled.output, ensure_ascii=False, allow_nan=False).encode()
    for decision in filled.decisions.values():
        assert 0 <= decision.margin <= decision.p <= 1
        assert sum(decision.probabilities.values()) == 1 or math.isclose(
            sum(decision.probabilities.values()), 1
        )


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
