"""A stronger model beside the agent: it takes steps in doubt and outlines; its cost is counted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from board import INSTRUCTION, MOVE, Board, FileBoard, step
from rung.agents.episode import Episode
from rung.agents.journal import Entry, FileJournal
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.core.errors import ConfigError, EngineError, StoreError
from rung.core.records import Usage
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.worlds.world import Call

SCHEMA = Capabilities(schema=True)
FIND = step("cards.search", query="venue")
MOVED = step("cards.move", card_id="card_903", list="doing")
GUESSED = step("cards.move", card_id="card_904", list="doing")
END = step("finish", answer="ok")
RIGHT = [FIND, MOVED, END]
OUTLINE = json.dumps({"steps": [
    {"tool": "cards.search", "intent": "find the card"},
    {"tool": "cards.move", "intent": "move it to doing"},
]})  # fmt: skip
ESCALATES = AgentSpec(max_escalated=2)


def by_turn(said: Sequence[str]) -> Callable[[Request], str]:
    """Say the n-th of these at the n-th turn, however often that is asked."""
    return lambda request: said[sum(m.role == "assistant" for m in request.messages)]


def model(said: Any, name: str = "fake:small") -> FakeEngine:
    return FakeEngine(name, script=said, capabilities=SCHEMA)


def play(
    own: Any, theirs: Any, spec: AgentSpec = ESCALATES, **more: Any
) -> tuple[Episode, FakeEngine, FakeEngine]:
    small, strong = model(own), model(theirs, "fake:strong")
    world = more.pop("world", Board())
    episode = run_agent(spec, small, world, MOVE, INSTRUCTION, stronger=strong, **more)
    return episode, small, strong


def test_the_step_in_doubt_alone_is_asked_of_the_stronger_model() -> None:
    episode, small, strong = play([FIND, GUESSED, END], by_turn(RIGHT))
    assert Board().score(MOVE, episode.calls).strict
    assert len(small.requests) == 3
    assert len(strong.requests) == 1
    assert [one.escalated for one in episode.steps] == ["", "cards.move: unknown_id", ""]
    alone, _, _ = play(RIGHT, [], AgentSpec())
    # the agent goes on as if it had made the call itself
    assert [s.observation for s in episode.steps] == [s.observation for s in alone.steps]
    assert [m.content for m in small.requests[2].messages if m.role == "assistant"] == RIGHT[:2]
    assert strong.requests[0].messages == small.requests[1].messages


def test_without_the_switch_the_same_agent_is_blocked_and_asks_nobody() -> None:
    episode, _, strong = play([FIND, GUESSED, GUESSED, END], [], AgentSpec())
    assert not Board().score(MOVE, episode.calls).strict
    assert strong.requests == []
    assert episode.helps == ()


@pytest.mark.parametrize(
    ("said", "doubt"),
    [
        ("Hm, let me see.", "not readable: "),
        (step("cards.serach", query="venue"), "there is no tool"),
        (step("cards.search"), "query"),
        (step("abstain", reason="too hard"), "hands over"),
    ],
)
def test_every_doubt_that_code_sees_is_escalated(said: str, doubt: str) -> None:
    episode, _, strong = play([said, MOVED, END], by_turn(RIGHT))
    assert doubt in episode.steps[0].escalated
    assert (episode.status, len(strong.requests)) == ("ok", 1)
    assert Board().score(MOVE, episode.calls).strict


def test_a_repeated_step_is_escalated() -> None:
    episode, _, _ = play([FIND, FIND, END], by_turn(RIGHT))
    assert episode.steps[1].escalated == "cards.search: repeated"
    assert Board().score(MOVE, episode.calls).strict


def test_a_turn_after_one_without_effect_is_escalated() -> None:
    episode, _, _ = play([FIND, GUESSED, MOVED, END], [GUESSED, MOVED])
    assert [one.escalated for one in episode.steps] == [
        "", "cards.move: unknown_id", "the turn before had no effect", "",
    ]  # fmt: skip


def unsure(request: Request) -> list[float]:
    """Give the wanted tool a third where cards are moved, else nine tenths."""
    wanted = request.choices.index(by_choice(RIGHT)(request)) if len(request.choices) > 3 else 0
    moves = len(request.choices) > 3 and "cards.move" in request.choices[wanted]
    rest = 0.66 if moves else 0.1
    each = rest / max(len(request.choices) - 1, 1)
    shares = [1 - rest if i == wanted else each for i in range(len(request.choices))]
    return [math.log(share) for share in shares]


def by_choice(said: Sequence[str]) -> Callable[[Request], str]:
    def script(request: Request) -> str:
        now = json.loads(by_turn(said)(request))
        if len(request.choices) > 3:
            return next(text for text in request.choices if f'"{now["tool"]}"' in text)
        if request.choices:
            wanted = (text for text in request.choices if str(now["arguments"].get("list")) in text)
            return next(wanted, request.choices[0])
        return f'{next(iter(now["arguments"].values()))}"'

    return script


@pytest.mark.parametrize(("min_p", "num_asked"), [(0.0, 0), (0.3, 0), (0.5, 1)])
def test_a_step_less_probable_than_the_threshold_is_escalated(min_p: float, num_asked: int) -> None:
    small = FakeEngine("fake:small", script=by_choice(RIGHT), choice_scores=unsure)
    strong = model(by_turn(RIGHT), "fake:strong")
    spec = AgentSpec(max_escalated=9, min_p=min_p)
    episode = run_agent(spec, small, Board(), MOVE, INSTRUCTION, stronger=strong)
    assert len(strong.requests) == num_asked
    assert [one.p for one in episode.steps][1] == pytest.approx(0.34)
    doubts = [one.escalated for one in episode.steps if one.escalated]
    assert doubts == ["cards.move at p 0.34"] * num_asked


def test_escalated_steps_are_capped_and_the_agent_goes_on_alone() -> None:
    said = ["?", "?", MOVED, END]
    episode, _, strong = play(said, by_turn(RIGHT), AgentSpec(max_escalated=1))
    assert len(strong.requests) == 1
    assert [bool(one.escalated) for one in episode.steps] == [True, False, False, False]
    assert "could not be read" in episode.steps[1].observation


def test_what_the_stronger_model_took_is_apart_and_in_the_total() -> None:
    episode, _, strong = play([FIND, GUESSED, END], by_turn(RIGHT))
    (help_,) = episode.helps
    own = sum((one.usage for one in episode.steps), Usage())
    assert help_.usage.output_tokens > 0
    assert help_.usage.prompt_tokens > 0
    assert episode.usage == own + help_.usage
    assert help_.latency_ms > 0
    steps_ms = sum(one.latency_ms for one in episode.steps)
    assert episode.latency_ms == pytest.approx(steps_ms + help_.latency_ms)
    assert Episode.from_json(json.loads(json.dumps(episode.to_json()))) == episode


def test_a_stronger_model_that_says_nothing_of_use_is_paid_and_left() -> None:
    episode, _, _ = play([FIND, GUESSED, MOVED, END], ["I cannot say.", "Nor now."])
    assert [one.escalated for one in episode.steps] == [""] * 4
    assert [bool(one.problem) for one in episode.helps] == [True, True]
    assert episode.status == "ok"


def test_a_stronger_model_that_does_not_fit_is_left_and_one_that_is_gone_raises() -> None:
    too_long = EngineError("too long", of_input=True)
    episode, _, _ = play([FIND, GUESSED, MOVED, END], [too_long, too_long])
    assert episode.helps[0].problem == "too long"
    with pytest.raises(EngineError, match="gone"):
        play([FIND, GUESSED, END], [EngineError("gone", retryable=True)])


def test_of_several_calls_of_the_stronger_model_the_first_is_made() -> None:
    turn = 'Action: cards.search\nAction Input: {"query": "venue"}\n'
    spec = AgentSpec(loop="text", max_escalated=1)
    two = turn + turn.replace("venue", "budget")
    episode, small, _ = play(["", turn.replace("venue", "list"), "Final Answer: ok"], [two], spec)
    assert [call.arguments["query"] for call in episode.calls] == ["venue", "list"]
    shown = [m.content for m in small.requests[1].messages if m.role == "assistant"]
    assert shown == ['Action: cards.search\nAction Input: {"query": "venue"}']


def test_a_model_that_was_trained_on_its_tools_has_them_told_to_the_stronger_one() -> None:
    spec = AgentSpec(tools="none", max_escalated=1)
    _, small, strong = play([FIND, GUESSED, END], by_turn(RIGHT), spec)
    assert small.requests[1].messages[0].content == Board().brief(MOVE)
    assert "cards.move(" in strong.requests[0].messages[0].content
    assert strong.requests[0].messages[1:] == small.requests[1].messages[1:]


@pytest.mark.parametrize("spec", [ESCALATES, AgentSpec(outline=True)])
def test_a_spec_that_needs_a_stronger_model_says_so(spec: AgentSpec) -> None:
    with pytest.raises(ConfigError, match="none is named"):
        run_agent(spec, model(RIGHT), Board(), MOVE, INSTRUCTION)


# outlines


def test_an_outline_is_asked_once_and_shown_with_the_request() -> None:
    spec = AgentSpec(outline=True)
    episode, small, strong = play(RIGHT, [OUTLINE], spec)
    assert Board().score(MOVE, episode.calls).strict
    assert len(strong.requests) == 1
    for request in small.requests:
        assert request.messages[1].content == (
            "Proposed steps; leave them where the results say otherwise:\n"
            "1. cards.search: find the card\n2. cards.move: move it to doing\n\n"
            f"{MOVE.input}"
        )
    assert [one.why for one in episode.helps] == ["outline"]
    assert episode.usage.output_tokens > sum(one.usage.output_tokens for one in episode.steps)


def test_an_outline_binds_nothing() -> None:
    other = json.dumps({"steps": [{"tool": "mail.send", "intent": "write to Bo at card_904"}]})
    episode, _, _ = play(RIGHT, [other], AgentSpec(outline=True))
    assert Board().score(MOVE, episode.calls).strict
    # nor does an id that it names count as shown
    blocked, _, _ = play([FIND, GUESSED, MOVED, END], [other], AgentSpec(outline=True))
    assert blocked.steps[1].blocked == "unknown_id"


@pytest.mark.parametrize(
    "said",
    [
        "First I would look for the card.",
        json.dumps({"steps": [{"tool": "cards.teleport", "intent": "at once"}]}),
        json.dumps({"steps": []}),
        json.dumps({"steps": [{"tool": "cards.search", "intent": "x"}] * 9}),
    ],
    ids=["prose", "no such tool", "empty", "too long"],
)
def test_a_malformed_outline_is_dropped_and_paid(said: str) -> None:
    episode, small, _ = play(RIGHT, [said], AgentSpec(outline=True))
    assert small.requests[0].messages[1].content == MOVE.input
    assert episode.helps[0].problem
    assert episode.usage.output_tokens > sum(one.usage.output_tokens for one in episode.steps)
    assert Board().score(MOVE, episode.calls).strict


# killed runs


class Killed(Exception):
    pass


class Journal(FileJournal):
    """Dies before or after the n-th entry is written."""

    def __init__(self, path: Path, number: int, *, after: bool) -> None:
        super().__init__(path)
        self._left, self._after = number, after

    def append(self, entry: Entry) -> None:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        super().append(entry)
        if self._left == 0:
            raise Killed


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_killed_run_repeats_no_write_and_no_escalation_it_has_noted(
    tmp_path: Path, after: bool
) -> None:
    spec = AgentSpec(max_escalated=2, outline=True)
    own = by_turn([FIND, GUESSED, END])

    def theirs(request: Request) -> str:
        wants_outline = "outline it" in request.messages[0].content
        return OUTLINE if wants_outline else by_turn(RIGHT)(request)

    whole, *_ = play(own, theirs, spec, world=FileBoard(path=tmp_path / "whole.json"))
    kinds: list[str] = []
    for number in range(1, 12):
        folder = tmp_path / str(number)
        folder.mkdir()
        world, path = FileBoard(path=folder / "board.json"), folder / "journal.jsonl"
        try:
            play(own, theirs, spec, world=world, journal=Journal(path, number, after=after))
        except Killed:
            noted = [entry["kind"] for entry in FileJournal(path).read()]
        else:
            break
        kinds += noted[-1:]
        episode, small, strong = play(own, theirs, spec, world=world, journal=FileJournal(path))
        assert episode.calls == whole.calls
        assert episode.usage == whole.usage
        assert [(one.why, one.usage) for one in episode.helps] == [
            (one.why, one.usage) for one in whole.helps
        ]
        assert len(strong.requests) == 2 - noted.count("outline") - noted.count("escalation")
        assert len(small.requests) == 3 - noted.count("turn")
        state = json.loads((folder / "board.json").read_text())
        assert len(state["done"]) == len(whole.calls)
    assert {"outline", "turn", "escalation", "call", "result"} <= set(kinds)


def test_a_journal_with_another_stronger_model_is_refused(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal.jsonl")
    play([FIND, GUESSED, END], by_turn(RIGHT), journal=journal)
    other = model(by_turn(RIGHT), "fake:stronger")
    with pytest.raises(StoreError, match="another conversation"):
        run_agent(ESCALATES, model(RIGHT), Board(), MOVE, INSTRUCTION, journal=journal,
                  stronger=other)  # fmt: skip


def test_guarded_calls_of_the_stronger_model_are_guarded_too() -> None:
    episode, _, _ = play([FIND, GUESSED, MOVED, END], [GUESSED, MOVED])
    assert episode.steps[1].blocked == "unknown_id"
    assert Call(tool="cards.move", arguments={"card_id": "card_904", "list": "doing"}) not in (
        episode.calls
    )
