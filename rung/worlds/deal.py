"""How the wordings of a bundled task are dealt to the splits, and how often each is used.

About a fifth of the families of a class belong to the holdout alone and about a seventh to dev
alone; 40 % of what a holdout or dev class shows is told from those, so it shows situations that
train never had. The rest comes from families that train has too, in wordings that no other split
uses. Class counts follow their shares exactly. This file knows neither fields nor phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, Protocol, TypeVar

from rung.core.errors import ConfigError
from rung.core.records import SPLITS, Split
from rung.tasks.task import Example

NEW_FAMILY_SHARE = 0.4
"""Share of each dev and holdout class told from families that train never has."""
_OWN_FAMILIES: dict[Split, float] = {"dev": 0.15, "holdout": 0.2}


class Told(Protocol):
    """A situation with its wordings."""

    @property
    def say(self) -> tuple[str, ...]:
        """Wordings; each tells the whole situation in words of its own."""
        ...


F = TypeVar("F", bound=Told)
T = TypeVar("T")
Write = Callable[[Split, int, int], list[Example]]
"""Writes so many examples of a split, numbered from a start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wordings(Generic[F]):
    """The (family, wording) pairs that one class may use in one split."""

    shared: tuple[tuple[F, str], ...]
    new: tuple[tuple[F, str], ...]


def write_splits(
    num_train: int, num_dev: int, num_holdout: int, write: Write
) -> dict[Split, list[Example]]:
    """Return the examples of each split, numbered on from one split to the next.

    Raises ConfigError when a size is negative.
    """
    sizes = dict(zip(SPLITS, (num_train, num_dev, num_holdout), strict=True))
    for split, size in sizes.items():
        if size < 0:
            raise ConfigError(
                f"num_{split} is {size}, not a number of examples", hint="use 0 or more"
            )
    splits: dict[Split, list[Example]] = {}
    start = 0
    for split, size in sizes.items():
        splits[split] = write(split, size, start)
        start += size
    return splits


def share_out(size: int, shares: Sequence[float]) -> list[int]:
    """Share `size` among the classes by largest remainder."""
    exact = [size * share for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: size - sum(counts)]:
        counts[i] += 1
    return counts


def deal_wordings(families: Sequence[F], split: Split, random: Random) -> Wordings[F]:
    """Return what one split may tell of one class; equal states of `random` give disjoint parts."""
    left = list(families)
    random.shuffle(left)
    own: dict[Split, list[F]] = {}
    for name, share in _OWN_FAMILIES.items():
        cut = round(share * len(families))
        own[name], left = left[:cut], left[cut:]
    shared: list[tuple[F, str]] = []
    for family in left:
        shared += [(family, wording) for wording in deal_phrases(family.say, split, random)]
    new = [(family, wording) for family in own.get(split, []) for wording in family.say]
    return Wordings(shared=tuple(shared), new=tuple(new))


def deal_phrases(phrases: tuple[str, ...], split: Split, random: Random) -> tuple[str, ...]:
    """Return the phrases of this split: half for train, a quarter each for dev and holdout."""
    shuffled = random.sample(phrases, len(phrases))
    quarter = len(phrases) // 4
    cuts = {"dev": (0, quarter), "holdout": (quarter, 2 * quarter), "train": (2 * quarter, None)}
    low, high = cuts[split]
    return tuple(shuffled[low:high])


def choose(wordings: Wordings[F], count: int, random: Random) -> list[tuple[F, str]]:
    """Choose `count` pairs, all wordings about equally often, new families at their share."""
    num_new = round(count * NEW_FAMILY_SHARE) if wordings.new else 0
    told = _cycle(wordings.new, num_new, random) + _cycle(wordings.shared, count - num_new, random)
    random.shuffle(told)
    return told


def _cycle(pairs: tuple[T, ...], count: int, random: Random) -> list[T]:
    """Take `count` pairs, each round in a new order, so that all are used about equally often."""
    taken: list[T] = []
    while len(taken) < count:
        taken += random.sample(pairs, len(pairs))
    return taken[:count]


def mix(classes: Sequence[tuple[float, Sequence[T]]]) -> list[T]:
    """Merge classes, each with an offset from 0 to 1, so that every prefix has nearly their mix."""
    placed = [
        ((i + offset) / len(members), member)
        for offset, members in classes
        for i, member in enumerate(members)
    ]
    placed.sort(key=lambda item: item[0])
    return [member for _, member in placed]
