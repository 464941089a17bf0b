"""Have the routes of an opening answer in turns, and keep what each turn said.

A machine whose pace drifts then slows all of them alike. A stored answer tells how long it took in
another hour, so what is billed by time is answered anew; only what acts in a world of the user's
acts once, and its row is not `timed`. A turn is kept whole when all have had it: the same question
gets the same answers and times, and a turn that was cut short is taken again by all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rung.core.hashing import content_hash
from rung.core.records import OUTAGE, REFUSED, Row
from rung.ladder.climb import Climber, Step
from rung.routes.answer import answer_key
from rung.routes.evaluate import answer_all, to_row
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.routes.spent import is_timed
from rung.tasks.task import Example
from rung.worlds.open import SIMULATED

MIN_BLOCK = 20
"""Examples that a route answers in a row: the first of them may find its prompt not cached."""
MAX_TURNS = 10

Asked = Sequence[tuple[Route, Sequence[Example]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A route's answer in a turn."""

    answer: Answer
    timed: bool

    def to_json(self) -> dict[str, Any]:
        return {"answer": self.answer.to_json(), "timed": self.timed}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> _Said:
        return cls(answer=Answer.from_json(data["answer"]), timed=data["timed"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The examples of a route in one turn."""

    route: Route
    examples: Sequence[Example]
    first: int
    """How many its route had before."""
    total: int


def rows_in_turns(climber: Climber, asked: Asked, opening: Sequence[object]) -> list[list[Row]]:
    """Answer and score with several routes, a block of examples each in turn.

    Every other turn goes backwards, so that none is always the first. `opening` says what the turns
    are kept under.
    """
    fewest = min(len(examples) for _, examples in asked)
    num_turns = max(1, min(fewest // MIN_BLOCK, MAX_TURNS))
    found: list[list[Row]] = [[] for _ in asked]
    for turn in range(num_turns):
        blocks = [_block(route, examples, turn, num_turns) for route, examples in asked]
        for rows, block, said in zip(
            found, blocks, _turn(climber, blocks, opening, backwards=turn % 2 == 1), strict=True
        ):
            price = climber.price_of_model(block.route.model)
            rows += [
                replace(to_row(climber.runtime, example, one.answer, price, 0), timed=one.timed)
                for example, one in zip(block.examples, said, strict=True)
            ]
    return found


def _block(route: Route, examples: Sequence[Example], turn: int, num_turns: int) -> _Block:
    size = math.ceil(len(examples) / num_turns)
    first = turn * size
    block = examples[first : first + size]
    return _Block(route=route, examples=block, first=first, total=len(examples))


def _turn(
    climber: Climber, blocks: Sequence[_Block], opening: Sequence[object], *, backwards: bool
) -> list[list[_Said]]:
    """Return what each route said in one turn, as it is kept if it is."""
    store = climber.runtime.store
    ids = [[block.route.hash, [one.id for one in block.examples]] for block in blocks]
    key = content_hash([*opening, sorted(ids)])
    kept = store.get_turn(key)
    if kept is None:
        order = list(reversed(blocks) if backwards else blocks)
        with climber.runtime.timing():
            said = {block.route.hash: _answers(climber, block) for block in order}
        if any(one.answer.stop in (OUTAGE, REFUSED) for block in said.values() for one in block):
            return [said[block.route.hash] for block in blocks]
        told = {name: [one.to_json() for one in block] for name, block in said.items()}
        kept = store.keep_turn(key, told)
    else:
        for block in blocks:
            _tell(climber, block, len(block.examples), cached=True)
    return [[_Said.from_json(one) for one in kept[block.route.hash]] for block in blocks]


def _answers(climber: Climber, block: _Block) -> list[_Said]:
    known = _done_before(climber, block)
    said = []
    for found in answer_all(block.route, climber.runtime, block.examples):
        said.append(_Said(answer=found.answer, timed=found.example.id not in known))
        _tell(climber, block, len(said), cached=found.cached)
    return said


def _done_before(climber: Climber, block: _Block) -> set[str]:
    """Return the examples whose answers cannot be timed: they were acted on in another hour."""
    runtime, route = climber.runtime, block.route
    task = runtime.task
    if not task.world or task.world in SIMULATED or not is_timed(route):
        return set()
    return {
        example.id
        for example in block.examples
        for part in (route, *route.stages)
        if runtime.store.get_answer(answer_key(part, task, example)) is not None
    }


def _tell(climber: Climber, block: _Block, done: int, *, cached: bool) -> None:
    climber.tell(
        Step(
            route=block.route.name,
            split="holdout",
            done=block.first + done,
            total=block.total,
            cached=cached,
        )
    )
