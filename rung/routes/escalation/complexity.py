"""The five factors of effGen's complexity score: a prior for routing where no label is known yet.

Weights and steps as published (effGen, arXiv 2602.00887; 0 to 10 in all, escalate from 7.0); words
are matched whole, which the published code does not do. A keyword count says little of a given
task: as soon as rows are labelled, mined rules and fitted doubt take its place.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

ESCALATE_FROM = 7.0
_WEIGHTS = {"length": 0.15, "requirements": 0.25, "domains": 0.20, "tools": 0.20, "reasoning": 0.20}
_LENGTHS = ((20, 2.0), (50, 4.0), (100, 6.0), (200, 8.0))
_REQUIREMENTS = re.compile(r"\?|;|^\s*\d+[.)]\s|^\s*[-*]\s", re.MULTILINE)
_DOMAINS = (
    "code software api server database program bug deploy",
    "math equation calculate probability statistics sum average percent",
    "legal contract policy compliance law liability lease nda",
    "medical health patient clinical diagnosis dose treatment",
    "finance price invoice refund payment budget tax cost",
    "science physics chemistry biology experiment energy",
    "writing essay story email letter summary translate draft",
    "business customer order sales market project meeting",
)
_TOOLS = (
    "search find lookup browse google",
    "calculate compute total average convert",
    "file folder document spreadsheet upload",
    "run execute script code terminal",
    "email mail message send notify",
    "calendar meeting schedule book reschedule",
    "database table record query update delete",
    "plot chart graph image diagram",
)
_REASONING = (
    (9.0, "prove derive optimise optimize synthesise synthesize theorem"),
    (7.0, "analyse analyze evaluate compare design diagnose investigate why"),
    (5.0, "explain summarise summarize describe classify decide unless if"),
    (3.0, "list name find get show what when where who"),
)
_NO_REASONING_WORD = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """The five factors, 0 to 10 each."""

    length: float
    requirements: float
    domains: float
    tools: float
    reasoning: float

    @property
    def score(self) -> float:
        """The weighted mean, 0 to 10."""
        factors: dict[str, float] = asdict(self)
        return sum(weight * factors[name] for name, weight in _WEIGHTS.items())


def complexity(text: str) -> Complexity:
    """Return the factors of a request."""
    words = re.findall(r"\w+", text.lower())
    known = set(words)
    return Complexity(
        length=next((value for limit, value in _LENGTHS if len(words) < limit), 10.0),
        requirements=min(10.0, 2.0 * (len(_REQUIREMENTS.findall(text)) + _joined(words))),
        domains=_lists_hit(_DOMAINS, known),
        tools=_lists_hit(_TOOLS, known),
        reasoning=next(
            (value for value, line in _REASONING if known & set(line.split())), _NO_REASONING_WORD
        ),
    )


def _joined(words: list[str]) -> float:
    """Count `and`, less in a long text, where it joins words rather than requests."""
    return words.count("and") * min(1.0, 30.0 / max(1, len(words)))


def _lists_hit(lists: tuple[str, ...], known: set[str]) -> float:
    return min(10.0, 2.5 * sum(bool(known & set(line.split())) for line in lists))
