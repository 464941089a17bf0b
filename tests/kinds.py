"""Schemas of every sort a form knows, each with a strategy for the values it allows."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Kind(NamedTuple):
    """A subschema and the values it allows."""

    schema: Any
    values: st.SearchStrategy[Any]


TEXT = st.text(max_size=12) | st.text('a"\\\n\t\x00\x7f\u2028😀{}:,', max_size=6)
LABEL = TEXT | st.integers(-5, 5) | st.none() | st.booleans() | st.sampled_from([1.5, "a", "a b"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from([0.5, -2.25]) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["a", "b", "a.b", "A", "", "order id", 'x"y', "ü"]) | st.text(max_size=5)


def _distinct(labels: list[Any]) -> list[Any]:
    return list({json.dumps(label, sort_keys=True): label for label in labels}.values())


@st.composite
def enums(draw: Any, labels: st.SearchStrategy[Any] = LABEL) -> Kind:
    found = _distinct(draw(st.lists(labels, min_size=1, max_size=5)))
    return Kind({"enum": found}, st.sampled_from(found))


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


# What only a sub-grammar holds
OPEN = st.sampled_from(
    [
        Kind(True, JSON),
        Kind({"type": ["string", "integer"]}, TEXT | st.integers(-99, 99)),
        Kind({"type": "object"}, st.dictionaries(TEXT, JSON, max_size=3)),
        Kind(
            {"type": "object", "additionalProperties": {"type": "integer"}},
            st.dictionaries(TEXT, st.integers(-99, 99), max_size=3),
        ),
        Kind({"type": "array", "items": {}}, st.lists(JSON, max_size=3)),
    ]
)


def nullable(kind: Kind) -> Kind:
    return Kind({"anyOf": [kind.schema, {"type": "null"}]}, st.none() | kind.values)


def array(kind: Kind) -> Kind:
    return Kind({"type": "array", "items": kind.schema}, st.lists(kind.values, max_size=4))


def thing(parts: dict[str, Kind]) -> Kind:
    """Return an object whose names are all required."""
    schema = {
        "type": "object",
        "properties": {name: kind.schema for name, kind in parts.items()},
        "required": list(parts),
    }
    return Kind(schema, st.fixed_dictionaries({name: kind.values for name, kind in parts.items()}))


@st.composite
def loose_things(draw: Any, fields: st.SearchStrategy[Kind]) -> Kind:
    """Return an object some of whose names are optional, closed or open."""
    parts = draw(st.dictionaries(NAMES, fields, min_size=1, max_size=4))
    required = draw(st.lists(st.sampled_from(list(parts)), unique=True))
    schema = {
        "type": "object",
        "properties": {name: kind.schema for name, kind in parts.items()},
        "required": required,
        "additionalProperties": draw(st.booleans()),
    }
    must = {name: kind.values for name, kind in parts.items() if name in required}
    may = {name: kind.values for name, kind in parts.items() if name not in required}
    return Kind(schema, st.fixed_dictionaries(must, optional=may))


@st.composite
def tagged(draw: Any, fields: st.SearchStrategy[Kind]) -> Kind:
    """Return a union of objects told apart by the constant under one name."""
    tags = draw(st.lists(LABEL, min_size=2, max_size=3, unique_by=json.dumps))
    arms = []
    for tag in tags:
        parts = {**draw(st.dictionaries(st.sampled_from("abc"), fields, max_size=2))}
        tag_kind = Kind({"const": tag}, st.just(tag))
        first = draw(st.booleans())
        arms.append(thing({"tag": tag_kind, **parts} if first else {**parts, "tag": tag_kind}))
    keyword = draw(st.sampled_from(["anyOf", "oneOf"]))
    return Kind({keyword: [arm.schema for arm in arms]}, st.one_of(*[arm.values for arm in arms]))


TREE = Kind(
    {
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {
                    "label": {"enum": ["x", "y", None]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                },
                "required": ["label"],
            }
        },
        "$ref": "#/$defs/tree",
    },
    st.recursive(
        st.fixed_dictionaries({"label": st.sampled_from(["x", "y", None])}),
        lambda inner: st.fixed_dictionaries(
            {"label": st.sampled_from(["x", "y"]), "children": st.lists(inner, max_size=2)}
        ),
        max_leaves=4,
    ),
)
"""A definition that refers to itself."""


def roots(fields: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    """Return objects of fields, some of them objects again; every name is required."""
    inner = st.dictionaries(NAMES, fields, min_size=1, max_size=3).map(thing)
    return st.dictionaries(NAMES, fields | inner, min_size=1, max_size=4).map(thing)


FLAT = SCALARS | SCALARS.map(nullable) | SCALARS.map(array)
ROOTS = roots(FLAT)
LITERAL_ROOTS = roots(LITERAL | LITERAL.map(nullable) | SCALARS.map(array))


def shapes(fields: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    """Return what is more than a scalar or a list of them."""
    return (
        loose_things(fields)
        | loose_things(fields).map(array)
        | loose_things(fields).map(nullable)
        | tagged(fields)
        | enums(st.fixed_dictionaries({"a": LABEL}) | st.lists(LABEL, max_size=2))
        | OPEN
    )


SHAPES = shapes(FLAT)
EXACT = LITERAL | SCALARS.map(array) | shapes(LITERAL | LITERAL.map(nullable))
"""Roots that hold no free text outside of lists: what is written there is never tidied."""
ANY = FLAT | SHAPES | loose_things(FLAT | SHAPES) | st.just(TREE)
"""Roots of every sort."""


def same(left: Any, right: Any) -> bool:
    """Return whether two values are the same JSON, numbers and all."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
