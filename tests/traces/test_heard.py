"""What counts as a label: a correction, an accepted answer, the frontier's; nothing else."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from rung.store import Store
from rung.store.calls import Call, CallLog, Feedback
from rung.traces.heard import Heard, hear


def call(number: int, answer: Any, **fields: Any) -> Call:
    given: dict[str, Any] = {"arm": "specialist", "mode": "specialist", "wire": "task"} | fields
    response = {"output": answer} if given["wire"] == "task" else answer
    return Call(
        id=f"call_{number:028x}",
        created="2026-11-26T00:00:00Z",
        conversation=f"c{number}",
        model="task/mail",
        task="mail",
        status=200,
        request=json.dumps(given.pop("request", {"input": f"text {number}"})),
        response=json.dumps(response),
        **given,
    )


def heard(*calls: Call, said: tuple[tuple[int, dict[str, Any]], ...] = ()) -> list[Heard]:
    with closing(Store()) as store:
        log = CallLog(store)
        log.append(calls)
        for number, what in said:
            id_ = f"call_{number:028x}"
            log.add_feedback(
                Feedback(created="2026-11-26T00:01:00Z", tenant="", call_id=id_, **what)
            )
        return hear(log, "mail")


A, B = {"label": "a"}, {"label": "b"}


@pytest.mark.parametrize(
    ("said", "label", "source", "accepted"),
    [
        ([], None, "", None),
        ([{"accepted": True}], A, "accepted", True),
        ([{"accepted": False}], None, "", False),
        ([{"correction": json.dumps(B)}], B, "correction", False),
        ([{"accepted": False, "correction": json.dumps(B)}], B, "correction", False),
        ([{"accepted": True}, {"correction": json.dumps(B)}], B, "correction", False),
        ([{"correction": json.dumps(B)}, {"accepted": True}], A, "accepted", True),
        ([{"correction": "null"}], None, "", None),
        ([{"reward": 1.0}, {"comment": "fine"}], None, "", None),
    ],
)
def test_a_callers_last_word_counts(
    said: list[dict[str, Any]], label: Any, source: str, accepted: bool | None
) -> None:
    (one,) = heard(call(1, A), said=tuple((1, what) for what in said))
    assert (one.label, one.source, one.accepted) == (label, source, accepted)


def test_the_frontier_labels_what_it_answered_and_what_it_answered_beside() -> None:
    teacher, audited, beside, shadow, silent, escalated, doubted = heard_all = [
        call(1, B, arm="frontier", mode="teacher"),
        call(2, A, mode="cascade"),
        call(3, B, arm="frontier", mode="cascade", pair=f"call_{2:028x}"),
        call(4, B, arm="frontier", mode="shadow"),
        call(5, A, mode="shadow", pair=f"call_{4:028x}"),
        call(6, B, arm="frontier", mode="cascade", outcome="escalated"),
        call(7, A, mode="cascade", pair=f"call_{6:028x}"),
    ]
    assert (beside.pair, silent.pair, doubted.pair) == (audited.id, shadow.id, escalated.id)
    found = heard(*heard_all)
    assert [one.id for one in found] == [teacher.id, audited.id, shadow.id, escalated.id]
    assert all((one.label, one.source) == (B, "frontier") for one in found)
    # a doubt is no sample of what the specialist says; an audit and a shadow are
    assert [one.audited for one in found] == [None, (A, B), (A, B), None]


def test_a_rejected_answer_of_the_frontier_is_no_label() -> None:
    (one,) = heard(call(1, B, arm="frontier", mode="teacher"), said=((1, {"accepted": False}),))
    assert one.source == "" and one.label is None


def test_chats_are_read_like_typed_inputs_and_the_rest_is_left_out() -> None:
    user = {"role": "user", "content": "my parcel"}
    content = {"choices": [{"message": {"content": json.dumps(A)}}]}
    function = {"function": {"name": "f", "arguments": json.dumps(B)}}
    tools = {"choices": [{"message": {"content": None, "tool_calls": [function]}}]}
    parts = [{"type": "text", "text": "my"}, {"type": "text", "text": "parcel"}]
    found = heard(
        call(1, content, wire="chat", request={"messages": [{"role": "system"}, user]}),
        call(2, tools, wire="chat", request={"messages": [{"role": "user", "content": parts}]}),
        call(3, content, wire="chat", request={"messages": [user, user]}),
        call(4, {"answers": {}}, wire="systemone", request={"state": {"text": "x"}}),
        call(5, A, outcome="error"),
    )
    assert [(one.text, one.output) for one in found] == [("my parcel", A), ("my\nparcel", B)]


def test_a_round_hears_no_later_call_but_later_words() -> None:
    with closing(Store()) as store:
        log = CallLog(store)
        log.append([call(1, A), call(2, A)])
        until = log.last_id("mail")
        log.append([call(3, A)])
        assert [one.id for one in hear(log, "mail", until=until)] == [
            call(1, A).id,
            call(2, A).id,
        ]
        assert log.last_id("other") == ""
