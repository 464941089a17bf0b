"""Decide among allowed options with the model's own probabilities, token by token and lazily.

Options are token paths of a trie. `share_paths` renormalises the model's probabilities at each
branching over the branches that lead to an option; where only one leads on, nothing is asked. The
result is the distribution of greedy-masked sampling, so it sums to one over the options, and a
branch far below the best finished option is not evaluated: its options share its probability.
`likelihoods` gives each option's unrestricted log-probability instead. Both are generators that
yield the nodes to evaluate in one batch and know no engine. See docs/decisions/0002-choices.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from rung.engines.sampling import Logits, log_softmax

Path = tuple[int, ...]
Expansion = Generator[list[Path], Sequence[Logits], list[float]]
"""Yields nodes, ancestors before or with their descendants; is sent the logits after each, in
order, shape (vocab,); returns a natural-log score for each path."""

_PROMISING = math.log(0.05)


def share_paths(paths: Sequence[Path], root: Logits, *, tolerance: float) -> Expansion:
    """Return the natural log-probability of each path, restricted to the paths; they sum to one.

    `root` are the logits before any option, shape (vocab,). Options less than `tolerance` times as
    likely as the best one may share their branch's probability evenly. No path may begin another
    one.
    """
    below: dict[Path, Counter[int]] = {}
    for path in paths:
        for depth in range(len(path)):
            below.setdefault(path[:depth], Counter())[path[depth]] += 1
    reached: dict[Path, float] = {}
    evaluated: set[Path] = {()}

    def branch(node: Path, logits: Logits, log_p: float) -> None:
        tokens = list(below[node])
        shares = log_softmax(logits[tokens])
        for token, share in zip(tokens, shares, strict=True):
            child = (*node, token)
            while child in below and len(below[child]) == 1:
                child = (*child, *below[child])
            reached[child] = log_p + float(share)

    branch((), root, 0.0)
    while True:
        finished = [log_p for node, log_p in reached.items() if node not in below]
        floor = max(finished, default=None)
        if floor is None:
            floor = max(reached.values()) + _PROMISING
        else:
            floor += math.log(tolerance)
        chosen = sorted(n for n, log_p in reached.items() if n in below and log_p > floor)
        if not chosen:
            break
        ancestors = {node[:depth] for node in chosen for depth in range(1, len(node) + 1)}
        batch = sorted(ancestors - evaluated, key=lambda node: (len(node), node))
        logits = dict(zip(batch, (yield batch), strict=True))
        evaluated |= ancestors
        for node in chosen:
            branch(node, logits[node], reached.pop(node))
    return [_share(path, reached, below) for path in paths]


def likelihoods(paths: Sequence[Path], root: Logits) -> Expansion:
    """Return the natural-log probability of each path under the unrestricted model."""
    batch = sorted(
        {path[:depth] for path in paths for depth in range(1, len(path))},
        key=lambda node: (len(node), node),
    )
    logits = dict(zip(batch, (yield batch), strict=True)) if batch else {}
    rows = {(): log_softmax(root)} | {node: log_softmax(row) for node, row in logits.items()}
    return [
        float(sum(rows[path[:depth]][token] for depth, token in enumerate(path))) for path in paths
    ]


def tips(paths: Sequence[Path]) -> set[Path]:
    """Return the deepest nodes that may need evaluating: stems that begin no other stem."""
    stems = {path[:-1] for path in paths if len(path) > 1}
    inner = {stem[:depth] for stem in stems for depth in range(1, len(stem))}
    return stems - inner


def decided(path: Path, paths: Sequence[Path]) -> list[int]:
    """Return the places in `path` where the model had a choice; its other tokens are forced."""
    return [
        at
        for at in range(len(path))
        if len({other[at] for other in paths if other[:at] == path[:at] and len(other) > at}) > 1
    ]


def root_mass(paths: Sequence[Path], root: Logits) -> float:
    """Return the unrestricted probability of the tokens that begin an option; low: off-script."""
    return float(np.exp(log_softmax(root)[list({path[0] for path in paths})]).sum())


def _share(path: Path, reached: dict[Path, float], below: dict[Path, Counter[int]]) -> float:
    node = next(path[:depth] for depth in range(1, len(path) + 1) if path[:depth] in reached)
    num_options = below[node].total() if node in below else 1
    return reached[node] - math.log(num_options)


def cut_paths(
    tails: Sequence[Sequence[int]],
    options: Sequence[int],
    shared: int,
    lengths: Sequence[int],
    size: Any,
    end: int,
) -> list[Path]:
    """Return the tokens of each tail after the `shared` ones, up to the one that ends the option.

    `tails` are the tokens of forced start, option and what follows it, `options` which option it
    is, `lengths` the bytes up to its end, `size(token)` a token's bytes. A path that begins one of
    another option is told apart by the tokens that follow it, or by `end` where nothing follows.
    """
    whole = [(*tail[shared:], end) for tail in tails]
    paths = []
    for path, tail, length in zip(whole, tails, lengths, strict=True):
        count = covered = 0
        while count < len(tail) and covered < length:
            covered += size(tail[count])
            count += 1
        paths.append(path[: max(count - shared, 1)])
    while True:
        begun = _begun(paths, options)
        unclear = [i for i, p in enumerate(paths) if len(begun[p]) > 1 and p != whole[i]]
        if not unclear:
            return paths
        for i in unclear:
            paths[i] = whole[i][: len(paths[i]) + 1]


def apart(paths: Sequence[Path], options: Sequence[int]) -> list[Path]:
    """Return each path as far as paths of other options go along with it, and one token more."""
    begun = _begun(paths, options)
    return [next((p[:n] for n in range(1, len(p)) if len(begun[p[:n]]) == 1), p) for p in paths]


def _begun(paths: Sequence[Path], options: Sequence[int]) -> dict[Path, set[int]]:
    """Return the options that begin with each stretch of tokens."""
    begun: dict[Path, set[int]] = {}
    for path, option in zip(paths, options, strict=True):
        for count in range(1, len(path) + 1):
            begun.setdefault(path[:count], set()).add(option)
    return begun
