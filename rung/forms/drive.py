"""Run work that waits for an engine side by side, so that each round is one batch.

Work is a generator: it yields a list of what it wants (steps of a token model, requests to a
server), is sent the results in the same order, and returns its own. `gather` makes one work of
several; slots of a document and documents of a batch run through the same few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Work = Generator[list[Any], list[Any], T]


def gather(works: Sequence[Work[T]]) -> Work[list[T]]:
    """Advance all works in lockstep; return their results in order."""
    results: dict[int, T] = {}
    wanted: dict[int, list[Any]] = {}

    def advance(at: int, answers: list[Any] | None) -> None:
        try:
            wanted[at] = next(works[at]) if answers is None else works[at].send(answers)
        except StopIteration as stop:
            wanted.pop(at, None)
            results[at] = stop.value

    try:
        for at in range(len(works)):
            advance(at, None)
        while wanted:
            round_ = list(wanted.items())
            answers = yield [item for _, items in round_ for item in items]
            for at, items in round_:
                advance(at, answers[: len(items)])
                answers = answers[len(items) :]
    finally:  # where one fails, the others give back what they hold
        for work in works:
            work.close()
    return [results[at] for at in range(len(works))]


def run(work: Work[T], execute: Callable[[list[Any]], list[Any]]) -> T:
    """Run one work to its end; `execute` answers what each round wants, an error of it ends all.

    A round that wants nothing is one in which all wait for each other.
    """
    try:
        wanted = next(work)
        while True:
            wanted = work.send(execute(wanted) if wanted else [])
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        work.close()
