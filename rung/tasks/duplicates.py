"""Near-duplicate texts: which inputs say the same thing in nearly the same characters.

Two texts are near-duplicates when their normal forms are equal, or when the Jaccard similarity of
their character 5-grams is at least 0.8. Pairs are proposed by MinHash signatures in 25 bands of 5
(Broder 1997, "On the resemblance and containment of documents"; banding: Leskovec, Rajaraman,
Ullman, "Mining of Massive Datasets", section 3.4) and decided on the exact 5-gram sets. A pair of
similarity 0.8 is missed with probability (1 - 0.8^5)^25 = 5e-5. Paraphrases are not found.

Costs about 0.1 ms a short text and 500 bytes of memory. Where very many texts are alike but below
0.8 (a long common template), work is bounded and errs towards tying: after 20 failed exact
comparisons a text the signatures decide alone, and a bucket is searched from at most 256 texts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.8
_SHINGLE = 5
_NUM_BANDS = 25
_BAND_ROWS = 5
_MAX_PIVOTS = 256
_FREE_CHECKS = 10_000
_CHECKS_PER_TEXT = 20
"""Exact comparisons that may fail, per text; after that the signatures decide alone."""
_WORTH_A_LOOK = 0.65
"""Signature agreement (standard error 0.036 at 0.8) below which a pair is not checked exactly."""

Array = NDArray[Any]
TieKind = Literal["group", "text", "near"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Two examples, by position, that must share a split."""

    first: int
    second: int
    kind: TieKind
    similarity: float = 1.0


class Components:
    """Union-find over positions, with path halving; the smallest position is the root."""

    def __init__(self, num: int) -> None:
        self._parent = list(range(num))

    def find(self, item: int) -> int:
        """Return the root of `item`."""
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, first: int, second: int) -> bool:
        """Join two components; return whether they were apart."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parent[high] = low
        return low != high


class _Fold(dict[int, str]):
    """Translation table: digits become 0; punctuation, symbols and controls become spaces."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        folded = "0" if category == "Nd" else " " if category[0] in "PSZC" else chr(code)
        self[code] = folded
        return folded


_FOLD = _Fold()


def normal_text(text: str) -> str:
    """Return `text` casefolded, digits as 0, without punctuation, spaces single.

    A text of symbols alone keeps them, so that two different emoji stay different.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.translate(_FOLD).split()) or " ".join(folded.split())


def same_texts(texts: Sequence[str]) -> list[Tie]:
    """Return a tie from each text to the first one of equal normal form."""
    first: dict[str, int] = {}
    ties = []
    for position, text in enumerate(texts):
        origin = first.setdefault(normal_text(text), position)
        if origin != position:
            ties.append(Tie(first=origin, second=position, kind="text"))
    return ties


def near_duplicates(texts: Sequence[str]) -> list[Tie]:
    """Return ties that connect every cluster of near-duplicates (a spanning forest)."""
    ties = same_texts(texts)
    repeated = {tie.second for tie in ties}
    origins = [position for position in range(len(texts)) if position not in repeated]
    linker = _Linker([normal_text(texts[position]) for position in origins])
    return ties + [
        Tie(first=origins[a], second=origins[b], kind="near", similarity=similarity)
        for a, b, similarity in linker.pairs()
    ]


def similarity(first: str, second: str) -> float:
    """Return the Jaccard similarity of two texts' character 5-grams after `normal_text`."""
    return _jaccard(_shingles(normal_text(first)), _shingles(normal_text(second)))


class _Linker:
    """Finds near-duplicate pairs among distinct normal forms."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self._components = Components(len(texts))
        self._apart: set[tuple[int, int]] = set()
        self._found: list[tuple[int, int, float]] = []
        self._num_checks_left = _FREE_CHECKS + _CHECKS_PER_TEXT * len(texts)
        self._signatures = np.zeros((len(texts), _NUM_BANDS * _BAND_ROWS), np.uint32)
        for row, text in enumerate(texts):
            self._signatures[row] = _signature(_shingles(text))

    def pairs(self) -> list[tuple[int, int, float]]:
        """Return (first, second, similarity) rows that link each cluster."""
        for band in range(_NUM_BANDS):
            columns = self._signatures[:, band * _BAND_ROWS : (band + 1) * _BAND_ROWS]
            for bucket in _buckets(columns):
                self._link(bucket)
        return self._found

    def _link(self, bucket: Array) -> None:
        """Link a bucket by single linkage, searching outward from one pivot after another."""
        waiting = bucket
        frontier: list[int] = []
        for _ in range(_MAX_PIVOTS):
            if not frontier:
                frontier, waiting = [int(waiting[0])], waiting[1:]
            if len(waiting) == 0:
                return
            pivot = frontier.pop()
            agreement = (self._signatures[waiting] == self._signatures[pivot]).mean(axis=1)
            near = agreement >= (_WORTH_A_LOOK if self._num_checks_left > 0 else THRESHOLD)
            for at in np.flatnonzero(near):
                near[at] = self._joined(pivot, int(waiting[at]), float(agreement[at]))
            frontier += waiting[near].tolist()
            waiting = waiting[~near]
            if len(waiting) == 0:
                return

    def _joined(self, first: int, second: int, agreement: float) -> bool:
        if self._components.find(first) == self._components.find(second):
            return True
        pair = (min(first, second), max(first, second))
        if pair in self._apart:
            return False
        alike = agreement
        if self._num_checks_left > 0:
            alike = _jaccard(_shingles(self._texts[first]), _shingles(self._texts[second]))
        if alike < THRESHOLD:
            self._num_checks_left -= 1
            self._apart.add(pair)
            return False
        self._components.join(first, second)
        self._found.append((*pair, alike))
        return True


def _mix(values: Array) -> Array:
    """Scramble 64-bit values (the finalizer of MurmurHash3)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    mixed: Array = values ^ (values >> np.uint64(33))
    return mixed


# The raw bit stream of PCG64 is fixed for good, unlike numpy's distributions.
_RAW = np.random.PCG64(1997).random_raw(2 * _NUM_BANDS * _BAND_ROWS + _SHINGLE)
_FACTORS, _OFFSETS, _POWERS = np.split(_RAW | np.uint64(1), (125, 250))


def _shingles(text: str) -> Array:
    """Return the sorted distinct hashes of a text's character 5-grams, spaces at both ends."""
    codes = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), np.uint32)
    if len(codes) < _SHINGLE:
        codes = np.pad(codes, (0, _SHINGLE - len(codes)))
    num = len(codes) - _SHINGLE + 1
    sums = np.zeros(num, np.uint64)
    for offset, power in enumerate(_POWERS):
        sums += codes[offset : offset + num].astype(np.uint64) * power
    return np.unique(_mix(sums))


def _signature(shingles: Array) -> Array:
    """Return the 125 minima of multiply-shift hashes of the shingles, 32 bits each."""
    hashed = _FACTORS[:, None] * shingles[None, :] + _OFFSETS[:, None]  # (125, shingles)
    signature: Array = (hashed.min(axis=1) >> np.uint64(32)).astype(np.uint32)
    return signature


def _jaccard(first: Array, second: Array) -> float:
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)


def _buckets(columns: Array) -> list[Array]:
    """Return the groups of at least two rows whose columns agree."""
    keys = _mix(columns[:, 0].astype(np.uint64))
    for column in columns.T[1:]:
        keys = _mix(keys ^ column)
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    starts, ends = np.concatenate(([0], edges)), np.concatenate((edges, [len(keys)]))
    shared = ends - starts > 1
    return [order[a:b] for a, b in zip(starts[shared], ends[shared], strict=True)]
