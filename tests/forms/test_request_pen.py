"""The pen that asks a server: what each request says, and what is made of its answer."""

from __future__ import annotations

import math
import re
import threading
from typing import Any

import pytest

from rung.core.records import Message, Usage
from rung.engines.base import Capabilities, Completion, Request
from rung.engines.fake import ALL, FakeEngine
from rung.forms import Filling, compile_form, fill
from rung.forms.drive import run
from rung.forms.pen import Draw, Drawn, Scores
from rung.forms.request_pen import RequestPen

ASK = Request(messages=(Message(role="user", content="x"),), prefix="Hm.\n")
DRAW = Draw(regex="[0-9]+", max_tokens=7, temperature=0.5, seed=3)
TEXT = Draw(regex='[a-z ]*"', opening='"', max_tokens=7)


def asked(
    pen: RequestPen, work: Any, *answers: Completion | str, **changes: Any
) -> tuple[Any, list[Request]]:
    """Run a work with given answers; return its result and the requests it made."""
    requests: list[Request] = []
    given = iter(answers)

    def execute(wanted: list[Request]) -> list[Completion]:
        requests.extend(wanted)
        return [completion(next(given), **changes) for _ in wanted]

    return run(work, execute), requests


def completion(said: Completion | str, **changes: Any) -> Completion:
    if isinstance(said, Completion):
        return said
    given: dict[str, Any] = {
        "finish_reason": "stop",
        "latency_ms": 1.0,
        "usage": Usage(output_tokens=2),
    }
    return Completion(text=said, **{**given, **changes})


def pen(text: str) -> RequestPen:
    made = RequestPen(FakeEngine(), ASK)
    made.write(text)
    return made


@pytest.mark.parametrize(
    ("text", "prefix", "held"),
    [
        ('{"n": ', '{"n":', " "),
        ('{"n": "', '{"n":', ' "'),
        ('{"a": "x", "n": ', '{"a": "x", "n":', " "),
        ('{\n  "n": ', '{\n  "n":', " "),
        ("[", "[", ""),
        ('{"a": "x"', '{"a": "x', '"'),
    ],
)
def test_the_prefix_ends_before_the_value_and_the_answer_repeats_the_rest(
    text: str, prefix: str, held: str
) -> None:
    found, (request,) = asked(pen(text), (p := pen(text)).draw(DRAW, [", "]), f"{held}12,")
    assert request.prefix == f"Hm.\n{prefix}"
    assert request.regex == f"{re.escape(held)}[0-9]+,".replace("\\ ", " ").replace('\\"', '"')
    assert found == Drawn(text="12")
    _, (request,) = asked(
        p, pen(text).choose(["1", "2"], [[", "], [", "]], lambda s: 0), f"{held}1"
    )
    assert request.choices == (f"{held}1", f"{held}2")
    assert request.prefix == f"Hm.\n{prefix}"


def test_white_space_at_the_end_of_a_lead_is_left_to_the_answer() -> None:
    writing = pen("")
    work = writing.choose(['{"a": ', "{}"], [[], []], lambda scores: 1)
    _, (request,) = asked(writing, work, "\n{}")
    assert (request.prefix, request.choices) == ("Hm.", ('\n{"a": ', "\n{}"))
    assert writing.text == "{}"


def test_each_option_is_asked_for_with_the_sign_that_certainly_follows_it() -> None:
    """`"}}` is one token of many models: asked for as `"}`, the end would look unlikely."""
    writing = pen('{"arguments": {"query": "x"')
    options = ["}", ', "since": ', ', "until": ']
    after = [["}"], ['"'], ['"', "null"]]
    work = writing.choose(options, after, lambda scores: scores.chosen)
    chosen, (request,) = asked(writing, work, '"}}')
    assert request.choices == ('"}}', '", "since": "', '", "until": ')
    assert chosen == 0
    assert writing.text.endswith('"x"}')


def test_limits_go_along() -> None:
    writing = pen('{"n": ')
    _, (request,) = asked(writing, writing.draw(DRAW, ["}"]), " 12}")
    assert (request.max_tokens, request.temperature, request.seed) == (7, 0.5, 3)
    assert request.messages == ASK.messages
    assert request.choices == ()


@pytest.mark.parametrize(
    ("after", "pattern"),
    [
        ([], "[0-9]+"),
        ([", "], "[0-9]+,"),
        (["}"], r"[0-9]+\}"),
        ([', "b": ', ', "c": ', "}"], r"[0-9]+(?:,|\})"),
    ],
)
def test_the_sign_that_ends_a_value_is_enough(after: list[str], pattern: str) -> None:
    writing = pen("[")
    _, (request,) = asked(writing, writing.draw(DRAW, after), "1")
    assert request.regex == pattern


@pytest.mark.parametrize(
    ("draw", "said", "text", "rest"),
    [
        (DRAW, " 12,", "12", "12"),
        (DRAW, "12", "12", "12"),  # a server that does not repeat what it was held to
        (DRAW, " 12, and more", "12", "12"),
        (DRAW, " ", "", ""),
        (TEXT, ' "two words", "b": 1}', '"two words"', 'two words"'),
        (TEXT, '"two words", "b": 1}', '"two words"', 'two words"'),  # its white space is trimmed
        (TEXT, 'two words"', '"two words"', 'two words"'),
        (TEXT, ' "open', '"open', "open"),
        (TEXT, ' "say \\"hi\\""', '"say \\"hi\\""', 'say \\"hi\\""'),
        (
            Draw(regex=".*", raw=True, max_tokens=7),
            " plain, text\nnext: 1",
            "plain, text",
            "plain, text",
        ),
        (Draw(regex="x", max_tokens=7), " [1, [2]], 3", "[1, [2]]", "[1, [2]]"),
    ],
)
def test_what_stands_behind_the_value_is_cut_off(
    draw: Draw, said: str, text: str, rest: str
) -> None:
    before = '{"x": ' + draw.opening
    writing = pen(before)
    found, _ = asked(writing, writing.draw(draw, [", "]), said)
    assert found == Drawn(text=text)
    assert writing.text == before + rest


@pytest.mark.parametrize(
    ("said", "reason", "cut"),
    [(' "one two', "length", True), (' "one"', "length", False), (' "one two', "stop", False)],
)
def test_a_value_is_cut_when_the_limit_came_before_its_end(
    said: str, reason: str, cut: bool
) -> None:
    writing = pen('{"x": "')
    found, _ = asked(writing, writing.draw(TEXT, [", "]), said, finish_reason=reason)
    assert found.cut is cut


def test_scores_are_handed_on_and_the_winner_is_written() -> None:
    writing = pen('{"x": ')
    seen: list[Scores] = []

    def judge(scores: Scores) -> int:
        seen.append(scores)
        return 1

    answer = completion(' "a"', choice_logprobs=(-0.1, -2.0), choice_mass=0.7)
    found, (request,) = asked(
        writing, writing.choose(['"a"', '"b"'], [["}"], ["}"]], judge), answer
    )
    assert found == 1
    assert writing.text == '{"x": "b"'
    assert seen == [Scores(logprobs=(-0.1, -2.0), mass=0.7)]


@pytest.mark.parametrize(
    ("said", "chosen"),
    [(' "b"', 1), ('"b"', 1), (' "b"\n', 1), (' "c"', None), ("", None), (' "b" or "a"', None)],
)
def test_without_scores_the_server_names_an_option_or_none(said: str, chosen: int | None) -> None:
    writing = pen('{"x": ')
    seen: list[Scores] = []
    work = writing.choose(['"a"', '"b"'], [[], []], lambda scores: seen.append(scores) or 0)
    asked(writing, work, said)
    assert seen == [Scores(chosen=chosen, said=said)]


@pytest.mark.parametrize(
    ("after", "choices"),
    [
        ([["}"], ["}"]], (" 1", " 2")),
        ([[', "b": '], [', "c": ']], (" 1", " 2")),
        ([["}"], [", "]], (" 1}", " 2,")),
        ([["}"], []], (" 1}", " 2")),  # the second may be followed by anything
        ([[], []], (" 1", " 2")),
    ],
)
def test_an_end_that_is_the_same_for_all_options_is_not_asked_for(
    after: list[list[str]], choices: tuple[str, ...]
) -> None:
    writing = pen('{"x": ')
    _, (request,) = asked(writing, writing.choose(["1", "2"], after, lambda scores: 0), " 1")
    assert request.choices == choices


def test_an_option_may_be_left_for_the_caller_to_write() -> None:
    writing = pen("[1")
    work = writing.choose([", ", "]"], [[], []], lambda scores: 1, write=False)
    assert asked(writing, work, "]")[0] == 1
    assert writing.text == "[1"


def test_usage_adds_up_and_rewinding_takes_text_back_only() -> None:
    writing = pen('{"x": ')
    mark = writing.mark()
    asked(writing, writing.draw(DRAW, ["}"]), " 1}")
    writing.rewind(mark)
    asked(writing, writing.draw(DRAW, ["}"]), " 2}")
    assert writing.text == '{"x": 2'
    assert writing.usage == Usage(output_tokens=4)


def test_forks_go_on_each_on_its_own() -> None:
    writing = pen('{"x": ')
    (one, other), requests = asked(writing, writing.fork(2))
    assert requests == []
    asked(one, one.draw(DRAW, ["}"]), " 1}")
    other.write("null")
    assert (writing.text, one.text, other.text) == ('{"x": ', '{"x": 1', '{"x": null')
    assert writing.usage == Usage()


FLAGS = compile_form(
    {
        "properties": {name: {"type": "boolean"} for name in "abcdefghijkl"},
        "required": list("abcdefghijkl"),
    }
)


class Meeting(FakeEngine):
    """Answers when four requests have come together."""

    def __init__(self) -> None:
        super().__init__(script=lambda request: " true")
        self.barrier = threading.Barrier(4)
        self.at_once = self.most_at_once = 0

    def complete(self, request: Request) -> Completion:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.barrier.wait(timeout=10)
        answer = super().complete(request)
        with self._lock:
            self.at_once -= 1
        return answer


def test_requests_of_slots_side_by_side_go_out_together_but_not_all_at_once() -> None:
    engine = Meeting()
    filled = fill(FLAGS, engine, ASK.messages, Filling(parallel=True))
    assert filled.output == dict.fromkeys("abcdefghijkl", True)
    assert 4 <= engine.most_at_once <= 8
    assert len(engine.requests) == 12
    assert filled.num_calls == filled.effort.passes == 2  # rounds of requests
    assert {request.prefix for request in engine.requests} == {f'{{"{n}":' for n in "abcdefghijkl"}


def test_a_key_that_may_be_left_out_is_a_choice_of_its_own() -> None:
    form = compile_form({"properties": {"a": {"type": "boolean"}, "b": {"const": 1}}})
    said = iter(['{"a": ', " true", "}"])
    engine = FakeEngine(script=lambda request: next(said))
    filled = fill(form, engine, ASK.messages)
    assert filled.output == {"a": True}
    assert [request.choices for request in engine.requests] == [
        ('{"a": ', '{"b": ', "{}"),
        (" true", " false"),
        (', "b": ', "}"),
    ]
    assert math.isclose(filled.decisions["?"].p, 0.9)


def test_an_array_of_objects_asks_after_each_whether_it_goes_on() -> None:
    item = {"properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
    form = compile_form({"type": "array", "items": item, "minItems": 1, "maxItems": 3})
    said = iter([" 1", ', {"n": ', " 2", "]"])
    engine = FakeEngine(script=lambda request: next(said))
    filled = fill(form, engine, ASK.messages)
    assert filled.output == [{"n": 1}, {"n": 2}]
    assert [request.choices for request in engine.requests] == [
        (" 1", " 2"),
        (', {"n": ', "]"),
        (" 1", " 2"),
        (', {"n": ', "]"),
    ]
    assert filled.text == '[{"n": 1}, {"n": 2}]'


def test_what_a_server_cannot_hold_is_asked_for_whole() -> None:
    form = compile_form({"properties": {"a": {}}, "required": ["a"]})
    engine = FakeEngine(script=['{"a": [1]}'], capabilities=ALL)
    filled = fill(form, engine, ASK.messages)
    assert (filled.output, filled.num_calls) == ({"a": [1]}, 1)
    able = Capabilities(prefix=True, choices=True)
    slots = compile_form({"properties": {"a": {"type": "number"}}, "required": ["a"]})
    assert (
        fill(slots, FakeEngine(script=['{"a": 1}'], capabilities=able), ASK.messages).num_calls == 1
    )


KINDS = compile_form({"properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]})


def test_a_choice_without_scores_is_drawn_by_the_server() -> None:
    for scored in (True, False):
        can = Capabilities(prefix=True, choices=True, choice_logprobs=scored)
        engine = FakeEngine(script=["x"], capabilities=can)
        fill(KINDS, engine, ASK.messages, Filling(temperature=1.0))
        assert engine.requests[0].temperature == (0.0 if scored else 1.0)


def test_a_choice_that_was_drawn_carries_its_own_probability() -> None:
    can = Capabilities(prefix=True, choices=True, choice_logprobs=True)
    found = set()
    for seed in range(12):
        engine = FakeEngine(
            script=["x"], capabilities=can, choice_scores=lambda _: [math.log(0.7), math.log(0.3)]
        )
        filled = fill(KINDS, engine, ASK.messages, Filling(temperature=1.0, seed=seed))
        decision = filled.decisions["a"]
        found.add(filled.output["a"])
        assert decision.p == pytest.approx({"x": 0.7, "y": 0.3}[filled.output["a"]])
        assert decision.runner_up != filled.output["a"]
    assert found == {"x", "y"}


def test_a_temperature_near_nothing_takes_the_likeliest() -> None:
    can = Capabilities(prefix=True, choices=True, choice_logprobs=True)
    engine = FakeEngine(
        script=["x"], capabilities=can, choice_scores=lambda _: [math.log(0.45), math.log(0.55)]
    )
    filled = fill(KINDS, engine, ASK.messages, Filling(temperature=1e-4))
    assert filled.output == {"a": "y"}
