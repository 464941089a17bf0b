"""Slots and documents side by side: what each gets alone, within the branches there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.engines.sampling import Logits

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.bytes import END, ByteEngine, Speak
from rung.engines.steps import Branch, Opened, Step
from rung.forms import Filling, compile_form, fill, fill_many
from speeches import ASK, ORDER, always, by_branch, check, says


class Attentive(ByteEngine):
    """A byte engine whose prompts are the bytes of what it is asked."""

    def open(self, request: Request) -> Opened:
        opened = super().open(request)
        return replace(opened, rest=(END, *request.messages[-1].content.encode()))


@pytest.mark.parametrize("scoring", ["trie", "likelihood", "normalised"])
@pytest.mark.parametrize("seed", range(4))
def test_slots_side_by_side_see_no_other_value(seed: int, scoring: Any) -> None:
    """A slot of its own branch gets what it would get if it were the first of its object."""
    how = Filling(scoring=scoring, retries=5, max_tokens=40)
    engine = ByteEngine(by_branch(seed))
    together = fill(ORDER, engine, ASK, replace(how, parallel=True))
    check(together, ORDER, engine)
    assert together.status in ("ok", "repaired"), together.reason
    assert {"kind", "who.vip"} <= together.decisions.keys()
    for path in ("kind", "count", "due"):
        field = ORDER.schema["properties"][path]
        alone = compile_form(
            {
                "type": "object",
                "properties": {path: field, "z": {"const": 1}},
                "required": [path],
            }
        )
        assert (
            fill(alone, ByteEngine(by_branch(seed)), ASK, how).output[path]
            == (together.output[path])
        )


def test_slots_side_by_side_take_the_passes_of_the_longest() -> None:
    count = {"type": "integer", "minimum": 1000, "maximum": 9999}
    properties = {name: count for name in "abcdef"}
    form = compile_form({"properties": properties, "required": list(properties)})
    in_order = fill(form, ByteEngine(by_branch(1)), ASK)
    together = fill(form, ByteEngine(by_branch(1)), ASK, Filling(parallel=True))
    assert in_order.effort.passes == 6 * 4
    assert together.effort.passes == 1 + 4  # the prompt, which all share; four digits


@pytest.mark.parametrize(
    ("field", "said", "num_signs"),
    [
        ({"type": "integer", "minimum": 1000, "maximum": 9999}, "1234", 4),
        ({"type": "string", "format": "date"}, '"2026-11-26"', 8),
        ({"type": ["null", "integer"], "minimum": 100, "maximum": 999}, "null", 1),
    ],
)
def test_a_value_that_cannot_go_on_has_ended_whatever_follows(
    field: Any, said: str, num_signs: int
) -> None:
    """One pass a sign that is not forced, and one for the key, which is seen with the comma."""
    flag = {"type": "boolean"}
    schema = {
        "properties": {"a": field, "b": flag, "c": flag},
        "required": ["a"],
        "minProperties": 2,
        "maxProperties": 2,
    }
    engine = ByteEngine(says(f'{{"a": {said}, "c": true}}'))
    filled = fill(compile_form(schema), engine, ASK)
    assert (filled.status, filled.text) == ("ok", f'{{"a": {said}, "c": true}}')
    assert filled.effort.passes == num_signs + 2


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_documents_side_by_side_get_what_each_gets_alone(
    parallel: bool, temperature: float
) -> None:
    how = Filling(parallel=parallel, temperature=temperature, retries=2, max_tokens=40)
    asks = [(Message(role="user", content=text),) for text in ("", "a", "b", "a longer one")]
    alone = [fill(ORDER, Attentive(by_branch(7)), ask, how) for ask in asks]
    engine = Attentive(by_branch(7))
    together = fill_many(ORDER, engine, asks, how)
    assert [replace(one, latency_ms=0) for one in together] == [
        replace(one, latency_ms=0) for one in alone
    ]
    assert len({one.text for one in together}) == len(asks)
    assert engine.open_branches == []
    assert engine.num_passes == max(one.effort.passes for one in together)


def test_one_document_that_fails_does_not_stop_the_others() -> None:
    def speak(tokens: Sequence[int]) -> Logits:
        return by_branch(1)(tokens) if tokens[1:2] == [ord("b")] else always(ord('"'))(tokens)

    asks = [(Message(role="user", content=text),) for text in ("a", "b", "a")]
    form = compile_form({"type": "string", "not": {"const": ""}})
    found = fill_many(form, Attentive(speak), asks, Filling(retries=0))
    assert [one.status for one in found] == ["failed", "ok", "failed"]


def test_only_engines_in_this_process_fill_several_at_once() -> None:
    with pytest.raises(EngineError, match="several forms at once"):
        fill_many(ORDER, FakeEngine(), [ASK])


class Narrow(ByteEngine):
    """Has room for few branches, as every real engine."""

    def __init__(self, speak: Speak, max_branches: int) -> None:
        super().__init__(speak)
        self.max_branches = max_branches

    def fork(self, branch: Branch, length: int | None = None) -> Branch:
        if len(self.open_branches) >= self.max_branches:
            raise EngineError(f"more than {self.max_branches} branches at once")
        return super().fork(branch, length)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("num_documents", [1, 4, 30])
def test_branches_are_enough_however_much_goes_side_by_side(
    num_documents: int, parallel: bool
) -> None:
    labels = {"enum": [f"{a}{b}{a}" for a in "abcdefgh" for b in "xyz"]}
    properties = {name: labels for name in "abcdefghijkl"}
    form = compile_form({"properties": properties, "required": list(properties)})
    engine = Narrow(by_branch(1), max_branches=32)
    found = fill_many(form, engine, [ASK] * num_documents, Filling(parallel=parallel))
    assert {one.status for one in found} == {"ok"}
    assert engine.open_branches == []


class Broken(ByteEngine):
    """Fails at its n-th batch."""

    def __init__(self, speak: Speak, num_good: int) -> None:
        super().__init__(speak)
        self._left = num_good

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        self._left -= 1
        if self._left < 0:
            raise EngineError("the context is full")
        return super().evaluate(steps)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("num_documents", [1, 3])
@pytest.mark.parametrize("num_good", [0, 1, 2, 5, 20])
def test_an_engine_error_is_raised_and_leaves_no_branch(
    num_good: int, num_documents: int, parallel: bool
) -> None:
    engine = Broken(by_branch(1), num_good)
    with pytest.raises(EngineError, match="the context is full"):
        fill_many(ORDER, engine, [ASK] * num_documents, Filling(parallel=parallel))
    assert engine.open_branches == []


class Picky(Attentive):
    """Refuses one prompt."""

    def open(self, request: Request) -> Opened:
        if request.messages[-1].content == "too long":
            raise EngineError("it does not fit", of_input=True)
        return super().open(request)


def test_a_prompt_that_does_not_fit_leaves_no_branch() -> None:
    engine = Picky(by_branch(1))
    asks = [(Message(role="user", content=text),) for text in ("a", "too long", "b")]
    with pytest.raises(EngineError, match="does not fit"):
        fill_many(ORDER, engine, asks)
    assert engine.open_branches == []
