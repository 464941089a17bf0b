"""Observations are short and whole; history keeps to its budget and is otherwise append-only."""

from __future__ import annotations

import pytest

from rung.agents.history import History
from rung.agents.observe import is_empty, render_value
from rung.agents.tokens import clip, estimate_tokens
from rung.core.records import Message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("sent", "sent"),
        (3, "3"),
        (True, "true"),
        ([], "(nothing)"),
        (["a", "b c"], "a; b c"),
        ({"id": 7, "name": "Li", "tags": ["x", "y"], "due": None},
         "id: 7; name: Li; tags: x, y; due: -"),
        ([{"id": 7, "name": "Li"}], "id: 7; name: Li"),
        ([{"id": 7, "name": "Li"}, {"id": 8, "due": "soon"}],
         "id | name | due\n7 | Li | -\n8 | - | soon"),
        ({"total": 2, "rows": [{"id": 1}, {"id": 2}]}, "total: 2\nrows:\nid\n1\n2"),
        ({"place": {"room": 4}}, 'place: {"room": 4}'),
        ({"body": "two\nlines"}, 'body: "two\\nlines"'),
    ],
)  # fmt: skip
def test_results_are_rendered_compactly(value: object, text: str) -> None:
    assert render_value(value, 200) == text


def test_what_is_left_out_is_said() -> None:
    rows = [{"id": f"card_{i:03}", "title": "Summit budget"} for i in range(40)]
    text = render_value(rows, 60)
    assert estimate_tokens(text) < 80
    shown = text.count("card_")
    assert text.endswith(f"({40 - shown} more not shown)")
    long = render_value({"body": "word " * 400}, 300)
    assert "characters more)" in long


def test_a_record_alone_shows_its_texts_whole() -> None:
    """What a procedure says is what the work depends on; among others its beginning must do."""
    page = {"id": "W-1", "text": "step " * 100 + "last"}
    assert render_value(page, 300).endswith("last")
    assert render_value([page], 300).endswith("last")
    assert render_value([page, page], 300).count("characters more)") == 2


def test_no_id_is_halved() -> None:
    text = clip("alpha beta card_123456789012345", 4)
    assert text.startswith("alpha beta…")
    assert "card" not in text


@pytest.mark.parametrize(
    ("value", "asked", "empty"),
    [
        (None, {}, True),
        ([], {}, True),
        ({}, {}, True),
        ({"query": "x", "results": []}, {"query": "x"}, True),
        ({"query": "x", "results": [1]}, {"query": "x"}, False),
        ({"name": "Sam", "tags": []}, {"id": "1"}, False),
        (0, {}, False),
        ({"room": "A", "free": False}, {"room": "A"}, False),
        ({"unread": 0}, {}, False),
        ({"inbox": {"unread": 0}}, {}, False),
        ({"count": 0, "found": False, "results": []}, {}, True),
        ({"name": None, "note": ""}, {}, True),
        ("none", {}, False),
    ],
)
def test_a_result_is_empty_when_it_brings_nothing(
    value: object, asked: dict[str, str], empty: bool
) -> None:
    assert is_empty(value, asked) is empty


def add(history: History, said: str, told: str) -> None:
    history.add(Message(role="assistant", content=said), [Message(role="user", content=told)])


def test_history_is_append_only_within_its_budget() -> None:
    history = History(400)
    before = history.messages()
    for i in range(6):
        add(history, f"step {i}", f"result {i}")
        after = history.messages()
        assert after[: len(before)] == before
        before = after


def test_over_budget_the_oldest_observations_are_shortened_first_and_rarely() -> None:
    history, changes, before = History(400), 0, ()
    for i in range(20):
        add(history, f"step {i}", f"result {i} " + "word " * 60)
        assert history.num_tokens <= 400
        after = history.messages()
        changes += after[: len(before)] != before
        before = after
    assert changes < 12
    assert "word word word" in history.messages()[-1].content
    shortened = [m.content for m in history.messages() if "characters more)" in m.content]
    assert shortened
    assert history.messages()[-1].content not in shortened


def test_turns_that_cannot_be_shortened_go_and_that_is_said() -> None:
    history = History(60)
    for i in range(10):
        add(history, "said " * 12, f"result {i}")
    shown = history.messages()
    assert shown[0].role == "assistant"
    assert "earlier turns are not shown" in shown[1].content
    assert shown[-1].content.endswith("result 9")


def test_the_same_turns_always_give_the_same_history() -> None:
    first, second = History(120), History(120)
    for i in range(12):
        for history in (first, second):
            add(history, f"step {i}", "value " * (i % 5 * 10))
    assert first.messages() == second.messages()
