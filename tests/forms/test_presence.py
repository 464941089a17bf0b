"""Which keys may come next, against brute force over subsets with `jsonschema` as the judge."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import FormError
from rung.forms import Object, compile_form
from rung.forms.presence import next_parts

NAMES = "abcde"
SUBSETS = [frozenset(names) for size in range(6) for names in combinations(NAMES, size)]


def endings(node: Object) -> Iterator[frozenset[str]]:
    """Yield the names of every object that the form can write; fails at a dead end."""
    waiting: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while waiting:
        at, written = waiting.pop()
        options = next_parts(node, at, written)
        assert options, f"nothing may follow {written}"
        for option in options:
            if option is None:
                yield frozenset(written)
            else:
                assert option >= at
                waiting.append((option + 1, (*written, node.parts[option][0])))


def allowed(schema: dict[str, Any]) -> set[frozenset[str]]:
    """Return the sets of names that the schema allows."""
    judge = jsonschema.Draft202012Validator(schema)
    return {names for names in SUBSETS if judge.is_valid(dict.fromkeys(names, 1))}


def closed(**rules: Any) -> dict[str, Any]:
    properties = {name: {"const": 1} for name in NAMES}
    return {"type": "object", "properties": properties, "additionalProperties": False, **rules}


def check(schema: dict[str, Any]) -> None:
    possible = allowed(schema)
    try:
        root = compile_form(schema).root
    except FormError:
        assert not possible
        return
    if not isinstance(root, Object):  # left to a sub-grammar: nothing to count
        assert not possible
        return
    found = list(endings(root))
    assert sorted(map(sorted, found)) == sorted(map(sorted, possible))


@pytest.mark.parametrize(
    "rules, num_sets",
    [
        ({}, 32),
        ({"required": ["b", "d"]}, 8),
        ({"required": list(NAMES)}, 1),
        ({"minProperties": 4}, 6),
        ({"maxProperties": 1}, 6),
        ({"maxProperties": 0}, 1),
        ({"minProperties": 2, "maxProperties": 3, "required": ["e"]}, 10),
        ({"dependentRequired": {"a": ["c"], "d": ["b"]}}, 18),
        ({"dependentRequired": {"a": ["b", "c"]}, "required": ["a"]}, 4),
        ({"dependentRequired": {"e": ["a"]}, "maxProperties": 2}, 12),
        ({"anyOf": [{"required": ["a"]}, {"required": ["d", "e"]}]}, 20),
        ({"anyOf": [{"required": ["a", "b"]}, {"required": ["e"]}], "maxProperties": 2}, 6),
        ({"dependentRequired": {"a": ["b"], "b": ["a"]}, "minProperties": 4}, 4),
    ],
)
def test_every_set_of_keys_the_rules_allow_and_no_other(
    rules: dict[str, Any], num_sets: int
) -> None:
    schema = closed(**rules)
    assert len(allowed(schema)) == num_sets
    check(schema)


NAME = st.sampled_from(NAMES)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "required": st.lists(NAME, max_size=3, unique=True),
        "minProperties": st.integers(0, 5),
        "maxProperties": st.integers(0, 5),
        "dependentRequired": st.dictionaries(
            NAME, st.lists(NAME, max_size=3, unique=True), max_size=3
        ),
        "anyOf": st.lists(
            st.builds(lambda names: {"required": names}, st.lists(NAME, max_size=3, unique=True)),
            min_size=1,
            max_size=3,
        ),
    },
)


@settings(max_examples=80)
@given(RULES)
def test_rules_of_any_mixture(rules: dict[str, Any]) -> None:
    check(closed(**rules))


@pytest.mark.parametrize(
    "rules, names",
    [
        ({"required": ["z"]}, ["a", "z"]),
        ({"dependentRequired": {"a": ["z"]}}, ["a", "z"]),
        ({"anyOf": [{"required": ["a"]}, {"required": ["z", "y"]}]}, ["a", "y", "z"]),
    ],
)
def test_names_that_only_a_rule_knows_are_written_where_others_are_allowed(
    rules: dict[str, Any], names: list[str]
) -> None:
    root = compile_form({"properties": {"a": {"const": 1}}, **rules}).root
    assert isinstance(root, Object)
    assert [name for name, _ in root.parts] == names
    judge = jsonschema.Draft202012Validator(rules)
    assert all(judge.is_valid(dict.fromkeys(found, 1)) for found in endings(root))


def test_more_keys_than_are_listed_are_left_to_a_sub_grammar() -> None:
    form = compile_form({"properties": {"a": {"const": 1}}, "minProperties": 2})
    (slot,) = form.slots()
    assert (slot.path, slot.kind) == ("", "json")
    with pytest.raises(FormError, match="minProperties"):
        compile_form(closed(minProperties=6))
