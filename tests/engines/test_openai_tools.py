"""Tools on the wire: names the wire takes, calls read back, whatever a server sends."""

from __future__ import annotations

from typing import Any

import pytest

from rung.core.records import Message, ToolCall
from rung.engines.base import Request, ToolOffer
from rung.engines.openai_tools import read_tool_calls, tool_fields, wire_message

OFFER = ToolOffer(name="cards.move", description="Move.", parameters={"type": "object"})
REQUEST = Request(messages=(Message(role="user", content="x"),), tools=(OFFER,))


def call(name: Any = "cards__move", arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    return {"id": "a", "function": {"name": name, "arguments": arguments}} | fields


def test_without_tools_nothing_is_sent_or_read() -> None:
    plain = Request(messages=REQUEST.messages)
    assert tool_fields(plain) == {}
    assert read_tool_calls({"tool_calls": [call()]}, plain) == ()
    assert wire_message(plain.messages[0]) == {"role": "user", "content": "x"}


def test_names_go_out_in_letters_the_wire_takes_and_come_back_as_offered() -> None:
    (sent,) = tool_fields(REQUEST)["tools"]
    assert sent == {
        "type": "function",
        "function": {
            "name": "cards__move",
            "description": "Move.",
            "parameters": {"type": "object"},
        },
    }
    assert read_tool_calls({"tool_calls": [call()]}, REQUEST) == (
        ToolCall(id="a", name="cards.move", arguments="{}"),
    )


@pytest.mark.parametrize(
    ("listed", "read"),
    [
        (None, []),
        ("text", []),
        ([None, 3, {}, {"function": None}, {"function": {"name": 4}}], []),
        ([call("other", '{"broken')], [("other", '{"broken')]),
        ([call(arguments=None)], [("cards.move", "")]),
        ([call(arguments={"to": "Bön"})], [("cards.move", '{"to": "Bön"}')]),
        ([call(), call("b")], [("cards.move", "{}"), ("b", "{}")]),
    ],
)
def test_whatever_a_server_lists_is_read_or_left_out(listed: Any, read: Any) -> None:
    found = read_tool_calls({"tool_calls": listed}, REQUEST)
    assert [(one.name, one.arguments) for one in found] == read
