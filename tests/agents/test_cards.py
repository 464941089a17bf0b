"""Cards keep what a call needs and little else."""

from __future__ import annotations

from typing import Any

import pytest

from board import TOOLS
from rung.agents.cards import card, document, signature
from rung.agents.tokens import estimate_tokens
from rung.worlds.world import Tool


def tool(required: tuple[str, ...] = (), about: str = "", **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Tool(name="do", description=about, parameters=schema, writes=False)


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "string"}, "x"),
        ({"type": "string", "description": "the x to do"}, "x"),
        ({"enum": ["low", "high", 3, None]}, "x: low|high|3|null"),
        ({"const": "now"}, "x: now"),
        ({"type": "boolean"}, "x: true|false"),
        ({"type": "integer", "minimum": 1, "maximum": 5}, "x: integer 1-5"),
        ({"type": "number", "minimum": 0}, "x: number >=0"),
        ({"type": "string", "format": "date-time"}, "x: date-time"),
        ({"type": "string", "description": "start, YYYY-MM-DD HH:MM:SS"}, "x: YYYY-MM-DD HH:MM:SS"),
        ({"type": "string", "description": "how long, in minutes"}, "x: minutes"),
        ({"type": "integer", "description": "minutes", "minimum": 5}, "x: minutes >=5"),
        ({"type": "string", "pattern": "^[0-9]{4}$"}, "x: 0000"),
        ({"type": "string", "pattern": r"^\d\d:\d\d$"}, "x: 00:00"),
        ({"type": "string", "pattern": r"^[a-z]+$"}, "x"),
        ({"type": "array", "items": {"type": "string"}}, "x: [text, …]"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "x: [a|b, …]"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "x"),
        ({"type": ["integer", "null"]}, "x: integer"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "x: integer|text"),
        (
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
             "required": ["a"]},
            "x: {a, b?: integer}",
        ),
    ],
)  # fmt: skip
def test_an_argument_shows_what_its_values_look_like(schema: Any, shown: str) -> None:
    assert signature(tool(("x",), x=schema)) == f"do({shown})"


def test_optional_arguments_are_marked_and_references_followed() -> None:
    made = tool(("a",), a={"$ref": "#/$defs/level"}, b={"type": "string"})
    parameters = {**made.parameters, "$defs": {"level": {"enum": [1, 2]}}}
    made = Tool(name="do", description="", parameters=parameters, writes=False)
    assert signature(made) == "do(a: 1|2, b?)"


def test_an_id_is_looked_up_so_its_look_is_not_told() -> None:
    assert signature(tool(("card_id",), card_id={"pattern": "^C-[0-9]{4}$"})) == "do(card_id)"


def test_a_long_list_of_options_says_how_many_it_leaves_out() -> None:
    shown = signature(tool(("x",), x={"enum": [f"o{i}" for i in range(20)]}))
    assert shown.endswith("o11|… 8 more)")


@pytest.mark.parametrize(
    ("about", "gist"),
    [
        ("Adds an event. Use it for meetings.", "Adds an event"),
        ("This tool allows you to add an event; ids are made up.", "add an event"),
        ("Looks up e.g. a name.", "Looks up e.g. a name"),
        ("Finds\n   people", "Finds people"),
        ("", ""),
    ],
)
def test_the_description_is_its_first_sentence(about: str, gist: str) -> None:
    assert card(tool(about=about)) == ("do()" + (f"  {gist}" if gist else ""))


def test_cards_save_most_of_the_schemas() -> None:
    cards, schemas = (estimate_tokens(document(TOOLS, how)) for how in ("cards", "schemas"))
    assert cards < 0.3 * schemas


def test_what_several_tools_say_of_an_argument_is_said_once() -> None:
    level, day = {"enum": ["low", "high"]}, {"type": "string", "description": "YYYY-MM-DD"}
    one = tool(("level", "due"), level=level, due=day, field={"enum": ["a1", "b1"]})
    two = tool(level=level, due=day, end=day, field={"enum": ["a1", "c1"]})
    assert document([one, two], "cards").splitlines() == [
        "do(level, due, field?: a1|b1)",
        "do(level?, due?, end?: YYYY-MM-DD, field?: a1|c1)",
        "level: low|high; due: YYYY-MM-DD",
    ]


def test_examples_stand_only_where_they_are_asked_for() -> None:
    example = '{"card_id": "card_901"}'
    text = document(TOOLS, "cards", {"cards.get": example})
    assert text.count("e.g.") == 1
    assert f"cards.get(card_id)  Return one card  e.g. {example}" in text.splitlines()


def test_a_schema_that_holds_itself_is_told_once() -> None:
    fields = {"all": {"type": "array", "items": {"$ref": "#/$defs/F"}}, "eq": {"type": "string"}}
    schema = {
        "type": "object",
        "properties": {"where": {"$ref": "#/$defs/F"}},
        "required": ["where"],
        "$defs": {"F": {"type": "object", "properties": fields}},
    }
    recursive = Tool(name="find", description="Find rows.", parameters=schema, writes=False)
    assert signature(recursive) == "find(where: {all?: […, …], eq?})"
