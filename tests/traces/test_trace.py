"""Captured calls as traces with tool events, and as rows that a task is made of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.core.errors import TraceError
from rung.flow.traces import Filter, exported, find_trace
from rung.store import Store
from rung.store.calls import Call, CallLog, Feedback
from rung.tasks.importer import init_task
from rung.traces import traces_of


def call(number: int, request: Any, response: Any, **fields: Any) -> Call:
    given = {"conversation": "c", "tenant": "t", "model": "m", "status": 200} | fields
    return Call(
        id=f"call_{number:028x}",
        created="2026-11-26T00:00:00Z",
        request=json.dumps(request),
        response=json.dumps(response),
        **given,
    )


def said(content: str | None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": content} | fields}]}


USER = {"role": "user", "content": "where is it?"}
ASKED = {"id": "t1", "type": "function", "function": {"name": "find", "arguments": '{"n": 7}'}}


def test_a_tool_event_is_read_from_the_two_calls_it_stands_between() -> None:
    result = {"role": "tool", "tool_call_id": "t1", "content": "in Kiel"}
    calls = [
        call(1, {"messages": [USER]}, said(None, tool_calls=[ASKED])),
        call(2, {"messages": [USER, result]}, said("It is in Kiel.")),
        call(3, {"messages": [USER]}, said("hi"), tenant="other"),
    ]
    ours, other = traces_of(calls)
    (event,) = ours.tool_events()
    assert (event.name, event.arguments, event.result) == ("find", {"n": 7}, "in Kiel")
    assert event.asked_in == calls[0].id and other.tool_events() == ()


def test_anthropic_tools_are_events_too_and_unanswered_ones_have_no_result() -> None:
    block = {"type": "tool_use", "id": "t2", "name": "find", "input": {"n": 1}}
    answer = {
        "type": "tool_result",
        "tool_use_id": "t2",
        "content": [{"type": "text", "text": "x"}],
    }
    first = call(1, {"messages": [USER]}, {"content": [block]}, wire="messages")
    second = call(2, {"messages": [{"role": "user", "content": [answer]}]}, {"content": []})
    assert traces_of([first])[0].tool_events()[0].result is None
    assert traces_of([first, second])[0].tool_events()[0].result == "x"


def test_an_export_has_corrections_and_no_rejected_or_silent_calls(tmp_path: Any) -> None:
    store = Store()
    log = CallLog(store)
    asked = [{"messages": [{"role": "user", "content": f"text {i}"}]} for i in range(30)]
    calls = [call(i, asked[i], said(f"answer {i}"), conversation=f"c{i}") for i in range(26)]
    calls.append(call(26, asked[26], said("beside"), pair=calls[0].id))
    calls.append(call(27, asked[27], {"error": {}}, status=502, outcome="error"))
    log.append(calls)
    for number, feedback in (
        (1, {"accepted": False}),
        (2, {"correction": '"better"'}),
        (4, {"correction": '"worse"'}),
        (4, {"accepted": True}),  # the last word
    ):
        log.add_feedback(Feedback(created="x", tenant="t", call_id=calls[number].id, **feedback))
    store.close()
    rows = list(exported(Filter()))
    answers = {row["messages"][0]["content"]: row["messages"][-1]["content"] for row in rows}
    assert len(rows) == 25 and "text 1" not in answers
    assert answers["text 2"] == "better" and answers["text 3"] == "answer 3"
    assert answers["text 4"] == "answer 4"
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert init_task("again", path, group_column="group", ties="group").num_rows == 25
    assert find_trace(calls[2].id)["calls"][0]["feedback"][0]["correction"] == '"better"'
    with pytest.raises(TraceError, match="rung traces list"):
        find_trace("call_none")
