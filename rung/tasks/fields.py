"""How one field of an answer compares with the target: four scorers, each from 0 to 1.

exact       same type and value; text up to case, outer spaces and Unicode form; objects by leaf
number      within a tolerance; text that spells a number counts as one
set         F1 of the distinct items of two arrays, order ignored
similarity  ROUGE-L: F1 of the longest common subsequence of words (Lin 2004, "ROUGE: A package for
            automatic evaluation of summaries", section 3), case and punctuation ignored

None stands for a missing value; two missing values agree. Weights and strictness are in
`scorers.py`.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from rung.core.hashing import canonical_json
from rung.tasks.task import FieldScoring

# Chinese and Japanese are written without spaces, so each of their characters is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def fold(text: str) -> str:
    """Return `text` without differences of case, outer spaces and Unicode form."""
    return unicodedata.normalize("NFC", text.strip().casefold())


def as_text(value: Any) -> str:
    """Return a label as error-cost and gate tables write it: text as is, else JSON; None is ''."""
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical_json(value)


def score_field(rule: FieldScoring, target: Any, output: Any) -> float:
    """Return how far `output` agrees with `target` under the rule's scorer, 0 to 1."""
    if target is None or output is None:
        return float(target is None and output is None)
    try:
        return _SCORERS[rule.scorer](target, output, rule.tolerance)
    except RecursionError:
        return 0.0


def _exact(target: Any, output: Any, _: float = 0.0) -> float:
    if isinstance(target, dict) and isinstance(output, dict):
        names = target.keys() | output.keys()
        scores = [_leaf(target.get(name), output.get(name)) for name in sorted(names)]
        return sum(scores) / len(scores) if scores else 1.0
    return float(_key(target) == _key(output))


def _leaf(target: Any, output: Any) -> float:
    if target is None or output is None:
        return float(target is None and output is None)
    return _exact(target, output)


def _number(target: Any, output: Any, tolerance: float) -> float:
    try:
        one, other = _as_number(target), _as_number(output)
        slack = 4 * sys.float_info.epsilon * max(abs(one), abs(other)) if tolerance > 0 else 0.0
        return float(abs(one - other) <= tolerance + slack)
    except (ValueError, OverflowError):
        return 0.0


def _as_number(value: Any) -> float:
    if isinstance(value, str):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return value


def _set(target: Any, output: Any, _: float = 0.0) -> float:
    if not isinstance(target, list) or not isinstance(output, list):
        return 0.0
    wanted, given = {_key(item) for item in target}, {_key(item) for item in output}
    if not wanted and not given:
        return 1.0
    return 2 * len(wanted & given) / (len(wanted) + len(given))


def _similarity(target: Any, output: Any, _: float = 0.0) -> float:
    if not isinstance(target, str) or not isinstance(output, str):
        return _exact(target, output)
    wanted, given = _words(target), _words(output)
    if not wanted or not given:
        return float(fold(target) == fold(output))
    return 2 * _common_subsequence(wanted, given) / (len(wanted) + len(given))


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def _common_subsequence(first: list[str], second: list[str]) -> int:
    """Return the length of the longest common subsequence, one bit a word.

    Hyyrö 2004, "Bit-parallel LCS-length computation revisited", figure 4.
    """
    places: dict[str, int] = {}
    for position, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << position
    whole = (1 << len(first)) - 1
    row = whole
    for word in second:
        hits = row & places.get(word, 0)
        row = ((row + hits) | (row - hits)) & whole
    return len(first) - row.bit_count()


def _key(value: Any) -> Any:
    """Return a hashable stand-in that is equal exactly when two JSON values are."""
    if isinstance(value, str):
        return ("text", fold(value))
    if isinstance(value, bool) or value is None:
        return ("word", value)
    if isinstance(value, list):
        return ("list", tuple(_key(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, _key(item)) for name, item in value.items()))
    return ("number", value)


_SCORERS: Mapping[str, Callable[[Any, Any, float], float]] = MappingProxyType(
    {"exact": _exact, "number": _number, "set": _set, "similarity": _similarity}
)
