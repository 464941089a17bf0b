"""Weigh options on a line: score a trie of their tokens, one branch for each tip, and go on.

Options that differ in their first token cost nothing beyond the pass that comes before them; longer
ones are walked lazily, all in one batch a level. The winner's cells are kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rung.engines.sampling import Logits
from rung.engines.steps import Branch, Step
from rung.forms import paths as trie
from rung.forms.drive import Work
from rung.forms.token_line import TokenLine

Scoring = Literal["quick", "trie", "likelihood", "normalised"]
"""`trie`: renormalised at each branching over the branches that lead to an option. `quick`: that,
but branches that cannot lead to an option a tenth as likely as the best share their probability
evenly, unseen; the winner and its probability are the same. `likelihood`: the whole option under
the unrestricted model. `normalised`: that, by its number of tokens."""
_TOLERANCE = {"quick": 0.1, "trie": 1e-3}
"""How likely, relative to the best option, a branch must be to be walked."""
RULED_OUT = -100.0
"""Log-probability of an option that was not walked."""
_WORD = re.compile(r"[a-zA-Z0-9]")


@dataclass(slots=True, kw_only=True)
class Weighed:
    """Scored options, and the branches they were scored on."""

    scores: list[float] = field(default_factory=list)
    mass: float = 0.0
    paths: list[trie.Path]
    """Of each option one or more, since its last token may hold what follows."""
    options: list[int]
    """Which option each path is."""
    path_scores: list[float] = field(default_factory=list)
    shared: tuple[int, ...]
    """Tokens that every option starts with."""
    base: int
    """Tokens of the branch before `shared`."""
    owners: dict[trie.Path, tuple[Branch, ...]] = field(default_factory=dict)
    branches: list[Branch] = field(default_factory=list)
    num_reserved: int = 0
    evaluated: set[trie.Path] = field(default_factory=set)

    def paths_of(self, option: int) -> list[tuple[float, trie.Path]]:
        """Return the paths of an option with their scores."""
        rows = zip(self.path_scores, self.paths, self.options, strict=True)
        return [(score, path) for score, path, owner in rows if owner == option]


def weigh(
    line: TokenLine, texts: Sequence[bytes], after: Sequence[Sequence[str]], scoring: Scoring
) -> Work[Weighed]:
    """Score `texts`, one of which comes next, followed by one of its `after`; see `adopt`."""
    lead = line.unfed
    rows = [
        (option, text, follow)
        for option, text in enumerate(texts)
        for follow in _kinds(after[option])
    ]
    options = [option for option, _, _ in rows]
    tails = [line.grammars.tokenize(lead + text + follow) for _, text, follow in rows]
    shared = max(0, min(_common_all(tails), min(map(len, tails)) - 1))
    ends = [_scored(line, lead + text, follow) for _, text, follow in rows]
    end = line.grammars.tokenizer.eos_token
    paths = trie.cut_paths(
        tails, options, shared, ends, lambda token: len(line.grammars.bytes_of([token])), end
    )
    if scoring in _TOLERANCE:
        paths = trie.apart(paths, options)
    unique = list(dict.fromkeys(zip(paths, options, strict=True)))
    found = Weighed(
        paths=[path for path, _ in unique],
        options=[option for _, option in unique],
        shared=tuple(tails[0][:shared]),
        base=len(line.branch.tokens) + len(line.pending),
    )
    root = (yield from line.evaluate(found.shared, 1))[0]
    try:
        yield from _open_branches(line, found, root)
        yield from _walk(line, found, root, scoring)
    except BaseException:
        forget(line, found)
        raise
    found.mass = trie.root_mass(found.paths, root)
    return found


def forget(line: TokenLine, found: Weighed) -> None:
    """Drop the branches that options were scored on, the line's own excepted."""
    for branch in found.branches:
        if branch is not line.branch:
            line.model.drop(branch)
    line.room.free += found.num_reserved


def _scored(line: TokenLine, data: bytes, follow: bytes) -> int:
    """Return how much of an option counts: where anything may follow, the tokens that stand."""
    return len(data) if follow else len(data) - len(line.grammars.settle(data, line.recent())[1])


def _kinds(after: Sequence[str]) -> list[bytes]:
    """Return one text for each way to begin; words do not change the token before them."""
    found = {_WORD.split(text, 1)[0]: text.encode() for text in after}
    return list(found.values()) or [b""]


def _open_branches(line: TokenLine, found: Weighed, root: Logits) -> Work[None]:
    """Open a branch for each tip of the trie, the likeliest first, as soon as there is room.

    Where there are more tips than branches, those with the least likely first tokens are left.
    """
    tips = sorted(trie.tips(found.paths), key=lambda tip: -root[tip[0]])
    tips = tips[: line.model.max_branches // 2]
    while line.room.free < len(tips):
        yield []  # other lines will give back theirs
    line.room.free -= len(tips)
    found.num_reserved = len(tips)
    for tip in tips:
        branch = line.model.fork(line.branch)
        found.branches.append(branch)
        for count in range(1, len(tip) + 1):
            found.owners[tip[:count]] = (*found.owners.get(tip[:count], ()), branch)


def _walk(line: TokenLine, found: Weighed, root: Logits, scoring: Scoring) -> Work[None]:
    kept = [i for i, path in enumerate(found.paths) if len(path) == 1 or path[:-1] in found.owners]
    paths = [found.paths[i] for i in kept]
    if scoring in _TOLERANCE:
        walk = trie.share_paths(paths, root, tolerance=_TOLERANCE[scoring])
    else:
        walk = trie.likelihoods(paths, root)
    try:
        nodes = next(walk)
        while True:
            answers = yield [
                Step(branches=found.owners[node], tokens=(node[-1],), num_logits=1)
                for node in nodes
            ]
            found.evaluated |= set(nodes)
            line.count(scored=len(nodes))
            nodes = walk.send([rows[0] for rows in answers])
    except StopIteration as stop:
        shares = dict(zip(kept, stop.value, strict=True))
    if scoring == "normalised":
        shares = {i: share / len(found.paths[i]) for i, share in shares.items()}
    found.path_scores = [shares.get(i, RULED_OUT) for i in range(len(found.paths))]
    together = max if scoring == "normalised" else np.logaddexp.reduce
    found.scores = [
        float(together([score for score, _ in found.paths_of(option)]))
        for option in range(found.options[-1] + 1)
    ]


def adopt(line: TokenLine, found: Weighed, winner: int, text: bytes) -> None:
    """Go on behind the winner: keep what was evaluated of its tokens that stand."""
    _, path = max(found.paths_of(winner))
    depth = max((len(n) for n in found.evaluated if path[: len(n)] == n), default=0)
    taken = found.owners[path[:depth]][0] if depth else line.branch
    stands, line.unfed = line.grammars.settle(
        line.unfed + text, taken.tokens[max(found.base - 16, 0) : found.base]
    )
    keep = len(os.path.commonprefix([stands, [*found.shared, *path[:depth]]]))
    if taken is not line.branch:
        line.model.drop(line.branch)
    line.branch = taken
    forget(line, found)
    line.model.cut(taken, found.base + keep)
    line.pending, line.logits = list(stands[keep:]), None
    others = [p for p, option in zip(found.paths, found.options, strict=True) if option != winner]
    decided = [len(found.shared) + at for at in trie.decided(path, [path, *others])]
    counted = {*range(line.credit), *decided}
    met = sum(at < len(stands) for at in counted)
    line.unforced = sum(keep <= at < len(stands) for at in counted)
    line.count(output=len(counted) - line.credit, forced=len(stands) - met)
    line.credit = len(counted) - met


def _common_all(rows: Sequence[Sequence[int]]) -> int:
    return len(os.path.commonprefix([list(row) for row in rows]))
