"""Train, dev and holdout: made so that nothing in one says the same as anything in another.

Ties (same group, same text, near-duplicate text) join examples into components, and a component is
never cut. Whole components are dealt to the splits so that each label keeps its shares, rarest
label first (after Sechidis, Tsoumakas, Vlahavas 2011, "On the stratification of multi-label data",
with components in place of examples). The result depends on the examples and the seed, not on their
order. This file neither reads nor writes: `folder.py` locks what is made here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.core.errors import TaskError
from rung.core.hashing import canonical_json
from rung.core.records import SPLITS, Split
from rung.core.seeds import stream
from rung.core.spelling import quote
from rung.tasks.duplicates import Components, Tie, near_duplicates, same_texts
from rung.tasks.task import Example

ALGORITHM = "rung-splits-1"
Ties = Literal["near", "exact", "group"]
"""What may not straddle splits: near-duplicates, equal texts and groups; equal texts and groups;
groups alone."""
MIN_HOLDOUT = 300
MAX_HOLDOUT_SHARE = 0.4
_MAX_LABELS = 200
_ALL = ""
"""The label that every component carries, so that splits keep their sizes."""

Splits = Mapping[Split, Sequence[Example]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Share of the examples each split gets; holdout has the rest.

    The holdout is raised to 300 examples where 40 % of all examples allow it, at the cost of train:
    with fewer pairs a margin of 3 points cannot be settled.
    """

    train: float = 0.6
    dev: float = 0.15

    def wanted(self, num: int) -> dict[Split, float]:
        """Return how many of `num` examples each split should get."""
        dev = self.dev * num
        floor = min(float(MIN_HOLDOUT), MAX_HOLDOUT_SHARE * num)
        holdout = max((1.0 - self.train - self.dev) * num, floor)
        return {"train": num - dev - holdout, "dev": dev, "holdout": holdout}


def split_hash(examples: Iterable[Example]) -> str:
    """Return the SHA-256 of a split's content: canonical rows in the order of their ids."""
    digest = hashlib.sha256()
    for example in sorted(examples, key=lambda example: example.id):
        row: list[Any] = [example.id, example.input, example.target, example.group]
        if example.setup:
            row.append(example.setup)
        if example.earlier:
            row.append(["earlier", example.earlier])
        digest.update(canonical_json(row).encode() + b"\n")
    return digest.hexdigest()


def find_ties(examples: Sequence[Example], ties: Ties = "near") -> list[Tie]:
    """Return ties that connect every component of examples that belong together."""
    first: dict[str, int] = {}
    found = []
    for position, example in enumerate(examples):
        origin = first.setdefault(example.group, position)
        if origin != position:
            found.append(Tie(first=origin, second=position, kind="group"))
    if ties == "group":
        return found
    texts = [example.said for example in examples]
    return found + (near_duplicates(texts) if ties == "near" else same_texts(texts))


def components(examples: Sequence[Example], ties: Ties = "near") -> list[list[int]]:
    """Return the positions of each component, smallest position first."""
    joined = Components(len(examples))
    for tie in find_ties(examples, ties):
        joined.join(tie.first, tie.second)
    members: dict[int, list[int]] = {}
    for position in range(len(examples)):
        members.setdefault(joined.find(position), []).append(position)
    return list(members.values())


def split_examples(
    examples: Iterable[Example],
    *,
    seed: int = 0,
    ties: Ties = "near",
    shares: Shares | None = None,
) -> dict[Split, tuple[Example, ...]]:
    """Deal examples to train, dev and holdout; each split is in the order of the ids.

    Every label (a scalar field value, for fields of at most 200 values) that occurs is in train,
    as long as dev and holdout need not stay empty for it. Raises TaskError when there are fewer
    than three components.
    """
    ordered = sorted(examples, key=lambda example: example.id)
    parts = components(ordered, ties)
    if len(parts) < len(SPLITS):
        raise TaskError(
            f"splitting {len(ordered)} examples: they fall into {len(parts)} independent groups, "
            f"at least {len(SPLITS)} are needed",
            hint="add examples, or tie less: rung init … --ties exact (or --ties group)",
        )
    labels = _labels(ordered)
    counts = [Counter(label for at in part for label in labels[at]) for part in parts]
    dealt = _Dealer(counts, shares or Shares(), seed).deal()
    chosen: dict[Split, list[int]] = {split: [] for split in SPLITS}
    for part, split in zip(parts, dealt, strict=True):
        chosen[split] += part
    return {split: tuple(ordered[at] for at in sorted(chosen[split])) for split in SPLITS}


def check_leaks(splits: Splits, ties: Ties = "near", *, sealed_only: bool = False) -> None:
    """Raise TaskError naming the first two tied examples that lie in different splits.

    With `sealed_only`, only pairs with one example in the holdout count.
    """
    placed = [(example, split) for split in SPLITS for example in splits.get(split, ())]
    for tie in find_ties([example for example, _ in placed], ties):
        (one, here), (other, there) = placed[tie.first], placed[tie.second]
        if here != there and (not sealed_only or "holdout" in (here, there)):
            raise TaskError(
                f"splits leak: {one.id!r} in {here} and {other.id!r} in {there} {_why(tie, one)}: "
                f"{quote(one.input)} / {quote(other.input)}",
                hint="move or drop one of them, or let rung split: rung init … --resplit",
            )


def _why(tie: Tie, example: Example) -> str:
    if tie.kind == "group":
        return f"are both of group {example.group!r}"
    if tie.kind == "text":
        return "say the same"
    return f"are near-duplicates (similarity {tie.similarity:.2f})"


def _labels(examples: Sequence[Example]) -> list[list[str]]:
    """Return each example's labels: its values of the fields that have few, repeated values."""
    texts = [
        {
            name: canonical_json(value)
            for name, value in example.target.items()
            if not isinstance(value, dict | list)
        }
        for example in examples
    ]
    values: dict[str, Counter[str]] = {}
    for row in texts:
        for name, text in row.items():
            values.setdefault(name, Counter())[text] += 1
    kept = {
        name
        for name, counter in values.items()
        if len(counter) <= _MAX_LABELS and 2 * len(counter) <= counter.total()
    }
    return [
        [_ALL] + [f"{name}={text}" for name, text in row.items() if name in kept] for row in texts
    ]


class _Dealer:
    """Deals components, given as label counts, to the splits."""

    def __init__(self, counts: list[Counter[str]], shares: Shares, seed: int) -> None:
        self._counts = counts
        self._totals: Counter[str] = Counter()
        for count in counts:
            self._totals.update(count)
        whole = self._totals[_ALL]
        self._shares = {split: num / whole for split, num in shares.wanted(whole).items()}
        self._placed: Counter[tuple[str, Split | None]] = Counter()
        self._dealt: dict[int, Split] = {}
        shuffled = list(range(len(counts)))
        stream(seed, ALGORITHM).shuffle(shuffled)
        self._holders: dict[str, list[int]] = {label: [] for label in self._totals}
        for part in shuffled:
            for label in counts[part]:
                self._holders[label].append(part)

    def deal(self) -> list[Split]:
        """Return the split of each component."""
        rarest_first = sorted(self._totals, key=lambda label: (self._totals[label], label))
        for label in rarest_first:
            for part in sorted(self._holders[label], key=lambda p: -self._counts[p][_ALL]):
                if part not in self._dealt:
                    self._place(part, self._choose(part))
        self._fill_empty()
        return [self._dealt[part] for part in range(len(self._counts))]

    def _place(self, part: int, split: Split) -> None:
        self._dealt[part] = split
        for label, count in self._counts[part].items():
            self._placed[label, split] += count
            self._placed[label, None] += count

    def _choose(self, part: int) -> Split:
        """Return train for the first component of any label, else the split that lacks it most."""
        if any(self._placed[label, "train"] == 0 for label in self._counts[part]):
            return "train"
        return max(SPLITS, key=lambda split: self._need(part, split))

    def _need(self, part: int, split: Split) -> float:
        """Return what `split` would lack of the component's labels, as shares of each label.

        Measured against the labels dealt so far, so that every label fills all splits at one pace.
        The sizes of the splits weigh as much as all labels together: a hundred labels of two
        examples each would otherwise leave dev empty.
        """
        need = 0.0
        for label, count in self._counts[part].items():
            due = self._shares[split] * (self._placed[label, None] + count)
            weight = len(self._totals) if label == _ALL else 1
            need += weight * count * (due - self._placed[label, split]) / self._totals[label]
        return need

    def _fill_empty(self) -> None:
        for split in SPLITS:
            if split not in self._dealt.values():
                crowd = Counter(self._dealt.values()).most_common(1)[0][0]
                part = min(
                    (p for p in self._dealt if self._dealt[p] == crowd),
                    key=lambda p: (self._counts[p][_ALL], p),
                )
                self._dealt[part] = split
