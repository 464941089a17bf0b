"""Every spelling of a call that small models use is read; everything else is text."""

from __future__ import annotations

from typing import Any

import pytest

from board import TOOLS
from rung.agents.actions import actions_of
from rung.agents.reading import read_text
from rung.worlds.world import Call

ACTIONS = actions_of(TOOLS, abstain=True)
MOVE = Call(tool="cards.move", arguments={"card_id": "card_903", "list": "done"})
FIND = Call(tool="people.find", arguments={"name": "Bo"})
SEND = {"to": "bo.ray@kite.io", "subject": "a", "body": "b"}
JSON = '{"tool": "cards.move", "arguments": {"card_id": "card_903", "list": "done"}}'


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"Thought: move it.\nAction: {JSON}",
        f"I will move it:\n```json\n{JSON}\n```",
        f"<tool_call>\n{JSON}\n</tool_call>",
        f"<think>The card is 903.</think>\n{JSON}",
        'Action: cards.move\nAction Input: {"card_id": "card_903", "list": "done"}',
        "Thought: now.\n**Action:** cards.move\n**Action Input:** {'card_id': 'card_903', 'list':"
        " 'done'}",
        'Action: cards.move | Action Input: {"card_id": "card_903", "list": "done"}',
        'Action: cards.move\nAction Input: ```json\n{"card_id": "card_903", "list": "done"}\n```',
        f"Action: cards.move\nAction Input: {JSON}",
        'Action: cards.move(card_id="card_903", list="done")',
        "{'tool': 'cards.move', 'arguments': {'card_id': 'card_903', 'list': 'done'}}",
        '{"name": "cards.move", "parameters": {"card_id": "card_903", "list": "done"}}',
        '{"function": {"name": "cards.move", "arguments": "{\\"card_id\\": \\"card_903\\",'
        ' \\"list\\": \\"done\\"}"}}',
        '{"cards.move": {"card_id": "card_903", "list": "done"}}',
        '{"tool": "cards.move", "card_id": "card_903", "list": "done"}',
        '{"tool": "Cards_Move", "arguments": {"card_id": "card_903", "list": "Done"}}',
        'cards.move(card_id="card_903", list="done")',
        "Let me do that.\n- `cards.move('card_903', 'done')`",
        'cards.move(\n  card_id="card_903",\n  list="done",\n)',
        'cards.move({"card_id": "card_903", "list": "done"})',
        "<function=cards.move><parameter=card_id>card_903</parameter>\n<parameter=list>\ndone\n"
        "</parameter></function>",
        '<function=cards.move>{"card_id": "card_903", "list": "done"}</function>',
    ],
)
def test_one_call_in_many_spellings(text: str) -> None:
    assert read_text(text, ACTIONS).calls == (MOVE,)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"tool": "people.find", "arguments": {"name": "Bo"}}</tool_call>\n'
        f"<tool_call>{JSON}</tool_call>",
        f'{{"tool_calls": [{{"name": "people.find", "args": {{"name": "Bo"}}}}, {JSON}]}}',
        f'[{{"tool": "people.find", "input": {{"name": "Bo"}}}}, {JSON}]',
        "Action: people.find\nAction Input: Bo\nAction: cards.move\n"
        'Action Input: {"card_id": "card_903", "list": "done"}',
        'people.find("Bo")\ncards.move("card_903", "done")',
    ],
)
def test_all_calls_of_a_turn_count_in_order(text: str) -> None:
    assert read_text(text, ACTIONS).calls == (FIND, MOVE)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('mail.send("bo.ray@kite.io", "a", urgent=true, body="b")', {**SEND, "urgent": True}),
        ('mail.send(to="bo.ray@kite.io", subject="a", body="say \\"hi\\" (now)")',
         {**SEND, "body": 'say "hi" (now)'}),
        ('mail.send(to="bo.ray@kite.io", subject="a", body="two\nlines")',
         {**SEND, "body": "two\nlines"}),
    ],
)  # fmt: skip
def test_values_of_written_calls_are_kept_as_they_are(text: str, arguments: dict[str, Any]) -> None:
    assert read_text(text, ACTIONS).calls == (Call(tool="mail.send", arguments=arguments),)


@pytest.mark.parametrize(
    "text",
    [
        '{"tool": "cards.move", "arguments": {"card_id": "card_9',
        "Action: move the card",
        "I used cards.get(card_id) and moved it.",
        'cards.move(card_id=card_903, list="done")',
        "<tool_call>cards.move</tool_call>",
        "[TOOL_CALLS] cards.move",
        "",
        "  \n",
    ],
)
def test_what_looks_like_a_call_and_is_none_is_a_problem(text: str) -> None:
    reading = read_text(text, ACTIONS)
    assert reading.problem or [call.tool for call in reading.calls] != ["finish"]


def test_an_unknown_tool_is_still_a_call() -> None:
    text = '{"tool": "card.mvoe", "arguments": {"card_id": "card_903"}}'
    assert [call.tool for call in read_text(text, ACTIONS).calls] == ["card.mvoe"]


def test_calls_before_a_final_answer_are_made_and_the_answer_waits() -> None:
    reading = read_text(f"Action: {JSON}\nFinal Answer: It is done.", ACTIONS)
    assert reading.calls == (MOVE,)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Final Answer: Moved. ", "Moved. "),
        ("Thought: done\nFinal Answer:\n  two\n lines\n", "  two\n lines\n"),
        ("**Final Answer:** yes", "yes"),
        (f"Final Answer: I would write {JSON}", f"I would write {JSON}"),
        ('{"tool": "finish", "arguments": {"answer": " as it is "}}', " as it is "),
    ],
)
def test_the_answer_comes_back_as_it_was_written(text: str, answer: str) -> None:
    (call,) = read_text(text, ACTIONS).calls
    assert (call.tool, call.arguments["answer"]) == ("finish", answer)


def test_labels_and_numbers_are_brought_to_the_tools_spelling_or_left() -> None:
    (call,) = read_text('cards.move("card_903", "  DOING ")', ACTIONS).calls
    assert call.arguments["list"] == "doing"
    (call,) = read_text('cards.move("card_903", "somewhere")', ACTIONS).calls
    assert call.arguments["list"] == "somewhere"
    more = '{"tool": "cards.move", "arguments": {"card_id": "c", "list": "done", "x": 1}}'
    (call,) = read_text(more, ACTIONS).calls
    assert call.arguments["x"] == 1


def test_names_are_matched_by_spelling_only() -> None:
    assert ACTIONS.spelled("Cards_Search") == "cards.search"
    assert ACTIONS.spelled("`people.find`") == "people.find"
    assert ACTIONS.spelled("cards.serach") == "cards.serach"
