"""Misses to cells: by cause, place and detail, then by what the texts say; small cells are pooled.

A cell that is too small joins others of the same given or true value, of the same place, of the
same detail elsewhere, of the same cause, and last the rest, so every miss is in exactly one cell
and few cells are noise. What nobody answered says nothing of the route and is a cell of its own.
What a cell costs and what to do about it is not known here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rung.repair.meaning import split_by_meaning
from rung.repair.records import OTHER, PAIR, UNANSWERED, Miss

MIN_MISSES = 2
"""Misses of a cell: one alone says nothing that its row does not say."""
MIN_SHARE = 0.05
"""Share of all misses that a cell of its own has to hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Misses that belong together."""

    cause: str
    place: str
    detail: str
    about: tuple[str, ...]
    misses: tuple[Miss, ...]

    @property
    def name(self) -> str:
        """What tells it from every other cell."""
        parts = [part for part in (self.cause, self.place, self.detail) if part]
        return ": ".join([*parts, *([f"about {', '.join(self.about)}"] if self.about else [])])


Path = tuple[str, str]
"""Place and detail, empty where several are pooled."""


def _exact(miss: Miss) -> Path | None:
    return (miss.place, miss.detail) if miss.detail else None


def _same_answer(miss: Miss) -> Path | None:
    """Return the value that a field was given whatever was right: the habit of a weak model."""
    return (miss.place, f"any -> {miss.got}") if PAIR in miss.detail else None


def _same_truth(miss: Miss) -> Path | None:
    return (miss.place, f"{miss.expected} -> any") if PAIR in miss.detail else None


def _same_place(miss: Miss) -> Path | None:
    return miss.place, ""


def _same_detail(miss: Miss) -> Path | None:
    return ("", miss.detail) if miss.detail and PAIR not in miss.detail else None


def _same_cause(miss: Miss) -> Path | None:
    return "", ""


LEVELS = (_exact, _same_answer, _same_truth, _same_place, _same_detail, _same_cause)
"""From narrow to wide; what is too small for one joins the next."""


def gather_cells(misses: Sequence[Miss]) -> list[Cell]:
    """Return the cells, the largest first, each miss in exactly one."""
    smallest = max(MIN_MISSES, math.ceil(MIN_SHARE * len(misses)))
    cells: list[Cell] = []
    left = [miss for miss in misses if miss.cause != UNANSWERED]
    if alone := tuple(miss for miss in misses if miss.cause == UNANSWERED):
        cells.append(Cell(cause=UNANSWERED, place="", detail="", about=(), misses=alone))
    for level in LEVELS:
        found: dict[tuple[str, str, str], list[Miss]] = defaultdict(list)
        left, now = [], left
        for miss in now:
            path = level(miss)
            if path is None:
                left.append(miss)
            else:
                found[miss.cause, *path].append(miss)
        for (cause, place, detail), members in found.items():
            if len(members) < smallest:
                left += members
            else:
                cells += _by_meaning(cause, place, detail, members)
    if left:
        cells.append(Cell(cause=OTHER, place="", detail="", about=(), misses=tuple(left)))
    return sorted(cells, key=lambda cell: (-len(cell.misses), cell.name))


def _by_meaning(cause: str, place: str, detail: str, misses: Sequence[Miss]) -> list[Cell]:
    parts = split_by_meaning([miss.text for miss in misses])
    # Two parts may be told by the same words; then the words tell nothing and the cell stays whole.
    if len({part.terms for part in parts}) < len(parts):
        return [Cell(cause=cause, place=place, detail=detail, about=(), misses=tuple(misses))]
    return [
        Cell(
            cause=cause,
            place=place,
            detail=detail,
            about=part.terms,
            misses=tuple(misses[at] for at in part.members),
        )
        for part in parts
    ]
