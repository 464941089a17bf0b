"""A stream is put together to the answer it would have been, whatever its events hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.gateway.sse import merge
from rung.gateway.wire import CHAT, MESSAGES, Wire


def merged(wire: Wire, *events: Any) -> dict[str, Any]:
    return merge(
        wire, b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    )


def of_deltas(*deltas: dict[str, Any]) -> dict[str, Any]:
    """Return the message that deltas of one choice make."""
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    message: dict[str, Any] = merged(CHAT, *events)["choices"][0]["message"]
    return message


PART = {"type": "text", "text": "a"}


@pytest.mark.parametrize(
    ("contents", "whole"),
    [
        (["a", "b", None], "ab"),
        ([None, "a"], "a"),
        ([[PART], [PART]], [PART, PART]),
        ([[PART], "b"], [PART, {"type": "text", "text": "b"}]),
        (["", [PART]], [PART]),
        (["b", [PART], {"x": 1}], {"x": 1}),
    ],
)
def test_pieces_are_joined_by_their_kinds(contents: list[Any], whole: Any) -> None:
    assert of_deltas(*[{"content": content} for content in contents])["content"] == whole


def test_every_tokens_logprobs_are_kept_and_null_is_no_value() -> None:
    tokens = [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -0.2}]
    told = [None, *({"content": [token], "refusal": None} for token in tokens)]
    events = [{"choices": [{"index": 0, "delta": {}, "logprobs": one}]} for one in told]
    assert merged(CHAT, *events)["choices"][0]["logprobs"]["content"] == tokens
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    assert of_deltas({"tool_calls": None}, {"tool_calls": [call]})["tool_calls"] == [call]


PARTS = ("content", "tool_calls", "logprobs", "text", "partial_json", "index")
LEAVES = st.none() | st.integers(0, 1) | st.sampled_from(("", "a"))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(PARTS), inner),
    max_leaves=4,
)
DELTAS = st.dictionaries(st.sampled_from(PARTS), VALUES, max_size=3)
CHOICES = st.fixed_dictionaries({"delta": DELTAS | VALUES}, optional={"index": VALUES})
OF_CHAT = st.fixed_dictionaries({"choices": st.lists(CHOICES, max_size=2) | VALUES})
OF_MESSAGES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ("message_start", "content_block_start", "content_block_delta", "message_delta")
        )
    },
    optional=dict.fromkeys(
        ("index", "message", "content_block", "delta", "usage"), DELTAS | VALUES
    ),
)


@settings(max_examples=200)
@given(st.lists(OF_CHAT, max_size=3), st.lists(OF_MESSAGES, max_size=4))
def test_no_events_are_too_strange(chat: list[Any], messages: list[Any]) -> None:
    assert json.dumps([merged(CHAT, *chat), merged(MESSAGES, *messages)])
