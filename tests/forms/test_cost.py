"""The cost model: floors, and slot by slot against once, on engines whose costs are known."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import pytest

from rung.core.records import Message, Usage
from rung.engines.base import Completion
from rung.engines.fake import ALL, FakeEngine
from rung.forms import Filling, answer_json, compile_form, fill
from rung.forms.cost import (
    Costs,
    ServerCosts,
    floor_of,
    note_traffic,
    server_costs,
    slotwise_is_cheaper,
)

ASK = (Message(role="user", content="x"),)
NAMES = [f"f{i}" for i in range(6)]
FORM = compile_form(
    {
        "type": "object",
        "properties": {name: {"type": "boolean"} for name in NAMES},
        "required": NAMES,
    }
)
REMOTE = replace(ALL, round_trips=True)
OUTPUT = dict.fromkeys(NAMES, True)


def completion(tokens: int, latency_ms: float, read: int = 0) -> Completion:
    usage = Usage(prompt_tokens=read, output_tokens=tokens)
    return Completion(text="", usage=usage, finish_reason="stop", latency_ms=latency_ms)


def test_costs_are_fitted_to_traffic() -> None:
    engine = FakeEngine()
    assert server_costs(engine) is None
    for i in range(20):
        note_traffic(engine, completion(1 + i % 5, 30.0 + 4.0 * (1 + i % 5)))
    found = server_costs(engine)
    assert found is not None
    assert (found.request_ms, found.token_ms) == (pytest.approx(30.0), pytest.approx(4.0))


@pytest.mark.parametrize("least", [2, 400])
def test_reading_the_input_is_no_part_of_a_round_trip(least: int) -> None:
    engine = FakeEngine()
    for i in range(24):
        written, read = 1 + i % 5, 80 + i if i % 4 == 0 else 0
        latency_ms = 30.0 + 4.0 * written + 3.0 * read
        note_traffic(engine, completion(written, latency_ms, read=least + read))
    found = server_costs(engine)
    assert found is not None
    assert (found.request_ms, found.token_ms) == (pytest.approx(30.0), pytest.approx(4.0))


def test_prompts_that_seem_to_save_time_are_left_out() -> None:
    engine = FakeEngine()
    for i in range(24):
        note_traffic(engine, completion(1 + i % 5, 30.0 + 4.0 * (1 + i % 5), read=400 - i))
    for i in range(5):
        note_traffic(engine, completion(1 + i, 130.0 + 4.0 * (1 + i), read=300))
    found = server_costs(engine)
    assert found is not None
    assert 30.0 < found.request_ms < 60.0


@pytest.mark.parametrize(
    "request_ms, token_ms, cheaper",
    [
        (1.0, 15.0, True),  # a server next door: skipping forced tokens pays
        (400.0, 5.0, False),  # a server far away: six round trips cost more than the braces
    ],
)
def test_round_trips_decide(request_ms: float, token_ms: float, cheaper: bool) -> None:
    assert (
        slotwise_is_cheaper(ServerCosts(request_ms=request_ms, token_ms=token_ms), FORM) is cheaper
    )


def test_a_far_server_is_asked_once_after_a_while() -> None:
    def say(request: object) -> str:
        choices = getattr(request, "choices", ())
        return choices[0] if choices else answer_json(FORM, OUTPUT)

    engine = FakeEngine(script=say, capabilities=REMOTE)
    first = fill(FORM, engine, ASK)
    assert (first.num_calls, first.output) == (6, OUTPUT)
    for i in range(40):
        note_traffic(engine, completion(1 + i % 3, 900.0 + i % 3))
    assert fill(FORM, engine, ASK).num_calls == 1
    assert fill(FORM, engine, ASK, Filling(asking="slots")).num_calls == 6
    priors = {name: (-0.7, -0.7) for name in NAMES}
    assert fill(FORM, engine, ASK, Filling(priors=priors)).num_calls == 6


def test_asked_once_when_told_to() -> None:
    engine = FakeEngine(script=[answer_json(FORM, OUTPUT)], capabilities=REMOTE)
    assert fill(FORM, engine, ASK, Filling(asking="whole")).num_calls == 1


def test_the_floor_is_one_prefill_and_the_longest_text() -> None:
    form = compile_form(
        {
            "type": "object",
            "properties": {"a": {"type": "boolean"}, "t": {"type": "string"}},
            "required": ["a", "t"],
        }
    )
    costs = Costs(pass_ms=10.0, token_ms=2.0)
    filled = [(Usage(prompt_tokens=50), {"a": True, "t": "four words in here"})]
    assert floor_of(costs, filled, form) == pytest.approx(10.0 * 5 + 2.0 * 54)
    assert floor_of(costs, [], form) == 0.0


def test_traffic_may_come_in_while_it_is_read() -> None:
    engine = FakeEngine()
    said = [
        Completion(
            text="",
            usage=Usage(prompt_tokens=9, output_tokens=n),
            finish_reason="stop",
            latency_ms=5.0 * n,
        )
        for n in range(200)
    ]
    for completion in said:
        note_traffic(engine, completion)
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            note_traffic(engine, said[3])

    server = threading.Thread(target=serve)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    server.start()
    try:
        for _ in range(200):
            server_costs(engine)
    finally:
        done.set()
        server.join()
        sys.setswitchinterval(interval)
