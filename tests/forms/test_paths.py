"""Option scoring against brute force on a toy model whose logits are a function of the path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.seeds import stream
from rung.engines.sampling import log_softmax
from rung.forms.drive import run
from rung.forms.paths import (
    Expansion,
    Path,
    cut_paths,
    decided,
    likelihoods,
    root_mass,
    share_paths,
    tips,
)

VOCAB = 8


class Toy:
    """Logits of any path, random but fixed; remembers what it was asked."""

    def __init__(self, seed: int, spread: float) -> None:
        self._seed, self._spread = seed, spread
        self.batches: list[list[Path]] = []

    def logits(self, path: Path) -> np.ndarray:
        random = stream(self._seed, *path)
        return np.array([random.gauss(0, self._spread) for _ in range(VOCAB)], dtype=np.float32)

    def expand(self, nodes: Sequence[Path]) -> list[np.ndarray]:
        self.batches.append(list(nodes))
        return [self.logits(node) for node in nodes]

    def score(self, walk: Expansion) -> list[float]:
        """Answer what a walk wants to know to its end."""
        return run(walk, self.expand)

    def likelihood(self, path: Path) -> float:
        """The sum over depth of the unrestricted log-probabilities."""
        return sum(
            float(log_softmax(self.logits(path[:depth]))[token]) for depth, token in enumerate(path)
        )

    def share(self, path: Path, paths: Sequence[Path]) -> float:
        """The product over depth of the probability among the tokens that lead to an option."""
        total = 0.0
        for depth, token in enumerate(path):
            allowed = sorted({p[depth] for p in paths if p[:depth] == path[:depth]})
            row = log_softmax(self.logits(path[:depth])[allowed])
            total += float(row[allowed.index(token)])
        return total


def prefix_free(paths: list[Path]) -> list[Path]:
    return [p for p in paths if not any(q != p and q[: len(p)] == p for q in paths)]


PATHS = st.lists(
    st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=5).map(tuple),
    min_size=1,
    max_size=12,
    unique=True,
).map(prefix_free)


@settings(max_examples=60)
@given(
    paths=PATHS,
    seed=st.integers(0, 999),
    spread=st.sampled_from([0.5, 3.0, 12.0]),
    tolerance=st.sampled_from([1e-3, 0.1, 1.0]),
)
def test_shares_are_exact_but_for_negligible_options(
    paths: list[Path], seed: int, spread: float, tolerance: float
) -> None:
    toy = Toy(seed, spread)
    found = toy.score(share_paths(paths, toy.logits(()), tolerance=tolerance))
    exact = [toy.share(path, paths) for path in paths]
    best = max(exact)
    assert sum(map(math.exp, found)) == pytest.approx(1.0)
    assert paths[int(np.argmax(found))] == paths[int(np.argmax(exact))]
    for one, other in zip(found, exact, strict=True):
        if other == best or other > best + math.log(tolerance):
            assert one == pytest.approx(other, abs=1e-5)
        else:
            assert one <= best + math.log(tolerance) + 1e-5


@settings(max_examples=60)
@given(paths=PATHS, seed=st.integers(0, 999))
def test_likelihoods_are_the_unrestricted_model_s(paths: list[Path], seed: int) -> None:
    toy = Toy(seed, 3.0)
    found = toy.score(likelihoods(paths, toy.logits(())))
    assert found == pytest.approx([toy.likelihood(path) for path in paths], abs=1e-5)
    assert len(toy.batches) == any(len(path) > 1 for path in paths)  # one batch, or none at all


def test_likelihoods_and_shares_part_where_an_option_is_long() -> None:
    """`trie` cannot see how unlikely the second token of a lone long option is."""
    root = np.log(np.array([0.5, 0.5], dtype=np.float32))
    second = np.log(np.array([0.01, 0.99], dtype=np.float32))
    paths = [(0, 0), (1,)]
    assert run(share_paths(paths, root, tolerance=1e-3), lambda _: [second]) == pytest.approx(
        [math.log(0.5)] * 2
    )
    found = run(likelihoods(paths, root), lambda nodes: [second for _ in nodes])
    assert found == pytest.approx([math.log(0.005), math.log(0.5)])


@settings(max_examples=60)
@given(
    paths=PATHS,
    seed=st.integers(0, 999),
    walk=st.sampled_from([partial(share_paths, tolerance=1e-30), likelihoods]),
)
def test_nodes_are_evaluated_once_and_never_before_their_parents(
    paths: list[Path], seed: int, walk: Any
) -> None:
    toy = Toy(seed, 1.0)
    toy.score(walk(paths, toy.logits(())))
    seen: set[Path] = {()}
    for batch in toy.batches:
        for node in batch:
            assert node not in seen
            assert node[:-1] in seen
            seen.add(node)


def test_options_told_apart_by_their_first_token_cost_nothing() -> None:
    toy = Toy(1, 1.0)
    assert (
        len(toy.score(share_paths([(0, 1, 2), (3, 4), (5,)], toy.logits(()), tolerance=1e-3))) == 3
    )
    assert toy.batches == []


def test_a_hopeless_branch_is_not_evaluated_and_shares_evenly() -> None:
    root = np.array([0.0, -50.0], dtype=np.float32)
    calls: list[Path] = []

    def expand(nodes: Sequence[Path]) -> list[np.ndarray]:
        calls.extend(nodes)
        return [np.zeros(2, dtype=np.float32) for _ in nodes]

    found = run(share_paths([(0, 0), (0, 1), (1, 0, 0), (1, 0, 1)], root, tolerance=1e-3), expand)
    assert calls == [(0,)]
    assert found[:2] == pytest.approx([math.log(0.5)] * 2)
    assert found[2:] == pytest.approx([-50.0 - math.log(2)] * 2)


def test_tips_are_the_stems_that_begin_no_other() -> None:
    assert tips([(1,), (2, 3), (2, 4), (2, 5, 6), (7, 8, 9), (7, 8, 8)]) == {(2, 5), (7, 8)}


def test_a_path_is_decided_where_others_part_from_it() -> None:
    paths = [(1, 2, 3, 4), (1, 5, 3), (1, 2, 3, 6), (7,)]
    assert [decided(path, paths) for path in paths] == [[0, 1, 3], [0, 1], [0, 1, 3], [0]]
    assert decided((1, 2), [(1, 2)]) == []


def test_the_mass_of_all_options_is_that_of_their_first_tokens() -> None:
    root = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    assert root_mass([(0, 1), (0, 2), (2,)], root) == pytest.approx(0.7)


def test_logits_that_are_no_numbers_end_the_search() -> None:
    nan = np.full(VOCAB, np.nan, dtype=np.float32)
    found = run(
        share_paths([(0, 1), (1,)], nan, tolerance=1e-3), lambda nodes: [nan for _ in nodes]
    )
    assert all(map(math.isnan, found))


SIZES = {1: 1, 2: 1, 3: 3, 4: 2, 9: 0}
END = 9


@pytest.mark.parametrize(
    "tails, shared, lengths, paths",
    [
        ([[1, 2], [1, 3]], 1, [2, 4], [(2,), (3,)]),
        # the last token may cover what follows the option
        ([[1, 3, 2], [2, 2, 2]], 0, [2, 2], [(1, 3), (2, 2)]),
        # an option that begins another one is told apart by what follows it
        ([[1, 2], [1, 1, 2]], 0, [1, 2], [(1, 2), (1, 1)]),
        ([[1], [1, 2]], 0, [1, 2], [(1, END), (1, 2)]),
        ([[1], [1, 2], [1, 2, 4]], 0, [1, 2, 4], [(1, END), (1, 2, END), (1, 2, 4)]),
        # `a` and `a,b` with a comma behind both: the text alone does not tell them apart
        ([[1, 2], [1, 2, 1, 2]], 0, [1, 3], [(1, 2, END), (1, 2, 1)]),
        ([[1, 2], [1, 2, 2]], 0, [1, 2], [(1, 2, END), (1, 2, 2)]),
        # two options that end inside the same token
        ([[3, 1], [3, 2]], 0, [1, 2], [(3, 1), (3, 2)]),
        ([[1]], 0, [1], [(1,)]),
        # an option of no bytes is what follows it
        ([[1, 2], [1, 4, 2]], 1, [1, 3], [(2,), (4,)]),
    ],
)
def test_paths_are_cut_where_the_option_ends(
    tails: list[list[int]], shared: int, lengths: list[int], paths: list[Path]
) -> None:
    assert cut_paths(tails, range(len(tails)), shared, lengths, SIZES.__getitem__, END) == paths


@given(
    st.lists(st.lists(st.integers(1, 4), max_size=5), min_size=1, max_size=8, unique_by=tuple),
    st.data(),
)
def test_no_path_begins_another_one(tails: list[list[int]], data: Any) -> None:
    bytes_of = [sum(SIZES[token] for token in tail) for tail in tails]
    lengths = [data.draw(st.integers(0, size)) for size in bytes_of]
    paths = cut_paths(tails, range(len(tails)), 0, lengths, SIZES.__getitem__, END)
    assert sorted(prefix_free(paths)) == sorted(paths) and len(set(paths)) == len(paths)
    for path, tail in zip(paths, tails, strict=True):
        assert path and (*tail, END)[: len(path)] == path


def test_log_softmax_sums_to_one_and_takes_large_logits() -> None:
    row = log_softmax(np.array([1000.0, 1001.0, -1000.0], dtype=np.float32))
    assert np.exp(row).sum() == pytest.approx(1.0)
    assert row[1] - row[0] == pytest.approx(1.0)
