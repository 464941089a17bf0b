"""Which of a request's choices a server wrote, and how likely it found each of them.

Pure functions over text and log-probabilities. A server that enforces choices is asked with few
tokens first (`Dialect.choice_tokens`), so its answer may end inside a choice: it then stands for
the only choice that begins like it.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from rung.engines.base import TokenLogprob

_NEGLIGIBLE = math.log(1e-4)


def decisive_bytes(choices: Sequence[str]) -> int:
    """Return after how many bytes of a choice no other begins like it; tokens are never shorter."""
    texts = sorted({choice.encode() for choice in choices})
    return 1 + max((len(os.path.commonprefix(pair)) for pair in pairwise(texts)), default=0)


def meant(text: str, choices: Sequence[str], *, cut: bool) -> list[str]:
    """Return the choices that an answer may stand for: all that begin with it where it was cut.

    A cut may leave half a character, which servers write as U+FFFD.
    """
    text = text.rstrip("\ufffd") if cut else text
    for said in (text, text.strip()):
        found = [c for c in choices if (c.startswith(said) if cut else c == said)]
        if found:
            return found
    return []


def choice_logprobs(
    tokens: Sequence[TokenLogprob], start: int, choices: Sequence[str]
) -> tuple[float, ...]:
    """Return the natural-log probability of each choice, summed over the reported tokens that begin
    it, along the tokens that were written.

    `start` is the character offset of the choice in the joined tokens. A token that begins several
    of the choices still possible is divided among them in the ratio of what is theirs alone, and
    evenly where one of them has nothing. A choice that no token begins is given the lowest reported
    value. Empty where that is not negligible (10^-4 of the best), where one choice begins another,
    or where the tokens do not tell all apart.
    """
    if any(longer.startswith(short) for short, longer in pairwise(sorted(choices))):
        return ()
    written = "".join(token.token for token in tokens)
    left = [written[:start] + choice for choice in choices]
    parts: list[tuple[float, list[str]]] = []
    unseen: dict[str, float] = {}
    at, path = 0, 0.0
    for token in tokens:
        if len(left) <= 1:
            break
        if at + len(token.token) > start:
            table = {token.token: token.logprob} | dict(token.top)
            ways = _ways(left, at, table)
            silent = set(left).difference(*ways.values())
            unseen |= dict.fromkeys(silent, path + min(table.values()))
            left = ways.pop(token.token)
            parts += [(path + table[name], begun) for name, begun in ways.items()]
            path += table[token.token]
        at += len(token.token)
    if len(left) != 1:
        return ()
    found = _divided([*parts, (path, left)])
    if unseen and max(unseen.values()) > max(found.values()) + _NEGLIGIBLE:
        return ()
    scores = unseen | found
    return tuple(scores[written[:start] + choice] for choice in choices)


def _ways(texts: Sequence[str], at: int, table: Mapping[str, float]) -> dict[str, list[str]]:
    """Return for each token of `table` the texts that it continues from `at`."""
    return {name: [text for text in texts if name and text.startswith(name, at)] for name in table}


def _divided(parts: Iterable[tuple[float, list[str]]]) -> dict[str, float]:
    """Sum log-masses by text, each divided among the texts that share it."""
    shared = [(mass, texts) for mass, texts in parts if len(texts) > 1]
    found: dict[str, list[float]] = defaultdict(list)
    for mass, texts in parts:
        if len(texts) == 1:
            found[texts[0]].append(mass)
    alone = {text: _log_sum(masses) for text, masses in found.items()}
    for mass, texts in shared:
        known = all(text in alone for text in texts)
        weights = [alone[text] if known else 0.0 for text in texts]
        for text, weight in zip(texts, weights, strict=True):
            found[text].append(mass + weight - _log_sum(weights))
    return {text: _log_sum(masses) for text, masses in found.items()}


def _log_sum(values: Iterable[float]) -> float:
    """Return the log of the sum of the exponentials."""
    listed = list(values)
    most = max(listed)
    return most + math.log(sum(math.exp(value - most) for value in listed))
