"""Captured calls as traces with tool events, and as rows that a task is made of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rung.core.errors import TraceError
from rung.flow.traces import Filter, captured, exported, find_trace
from rung.store import Store
from rung.store.calls import Call, CallLog, Feedback
from rung.tasks.importer import init_task
from rung.traces import traces_of
from rung.traces.heard import answer_text


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


def test_an_id_that_is_used_again_keeps_its_results_apart() -> None:
    def result(content: str) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": "t1", "content": content}

    asked = [ASKED | {"function": {"name": name, "arguments": "{}"}} for name in "abcd"]
    calls = [
        call(1, {"messages": [USER]}, said("", tool_calls=asked[:1])),
        call(2, {"messages": [USER, result("1")]}, said("", tool_calls=asked[1:3])),
        call(3, {"messages": [USER, *map(result, "123")]}, said("", tool_calls=asked[3:])),
    ]
    (trace,) = traces_of(calls)
    events = [(event.name, event.arguments, event.result) for event in trace.tool_events()]
    assert events == [("a", {}, "1"), ("b", {}, "2"), ("c", {}, "3"), ("d", {}, None)]


@pytest.mark.parametrize(
    ("request_text", "response"),
    [
        ('"a text"', said("x")),
        ("[" * 100_000, said("x")),
        ('{"messages": [{"role": "user", "content": "hi"}]}', {"choices": [None]}),
        ('{"messages": [{"role": "user", "content": "hi"}]}', {"choices": {"a": 1}}),
        (
            '{"messages": [{"role": "user", "content": "hi"}]}',
            said("", tool_calls=[{"function": None}]),
        ),
    ],
)
def test_an_odd_call_ends_no_export(request_text: str, response: Any) -> None:
    store = Store()
    odd = replace(call(1, {}, response), request=request_text)
    CallLog(store).append([odd, call(2, {"messages": [USER]}, said("fine"))])
    store.close()
    assert [row["messages"][-1]["content"] for row in exported(Filter())] == ["fine"]
    assert find_trace(odd.id)["tool_events"] is not None


def test_arguments_are_the_answer_beside_an_empty_text() -> None:
    called = {"id": "t1", "function": {"name": "answer", "arguments": '{"queue": "billing"}'}}
    assert answer_text(said("", tool_calls=[called])) == '{"queue": "billing"}'
    called["function"]["arguments"] = {"queue": "billing"}  # type: ignore[index]
    assert answer_text(said("", tool_calls=[called])) == '{"queue": "billing"}'


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-11-26", 3),
        ("2026-11-26T10:00:00Z", 2),
        ("2026-11-26T12:30+02:00", 1),
        ("2026-11-26 10:30", 1),
    ],
)
def test_times_are_read_with_their_zone(since: str, found: int) -> None:
    store = Store()
    calls = [call(number, {"messages": [USER]}, said("fine")) for number in range(3)]
    times = ("09:59:59", "10:00:00", "10:30:00")
    CallLog(store).append(
        [replace(one, created=f"2026-11-26T{at}Z") for one, at in zip(calls, times, strict=True)]
    )
    store.close()
    assert len(list(captured(Filter(since=since)))) == found


def test_what_is_no_time_is_said() -> None:
    with pytest.raises(TraceError, match="'yesterday' is no time"):
        Filter(since="yesterday")


def test_a_limit_of_an_export_counts_its_rows() -> None:
    store = Store()
    failed = call(1, {"messages": [USER]}, {"error": {}}, status=502, outcome="error")
    CallLog(store).append([failed, *(call(n, {"messages": [USER]}, said("x")) for n in (2, 3, 4))])
    store.close()
    assert len(list(exported(Filter(limit=2)))) == 2
