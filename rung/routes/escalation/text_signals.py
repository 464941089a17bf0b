"""What a request's text tells before any model is asked: counts of things, by rules of form.

Every signal is a number; what number is too high is for rules to say. A conversation is a text with
`Name:` at the start of each turn. Nothing here depends on a task; words that do are `WordSignal`s
of the task's rules file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rung.agents.tokens import estimate_tokens
from rung.routes.escalation.complexity import complexity

_TURN = re.compile(
    r"^\s*(?P<who>user|customer|client|caller|agent|assistant|support|bot)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_USERS = ("user", "customer", "client", "caller")
_CORRECTION = re.compile(
    r"\b(?:i (?:meant|mean)\b|i (?:already )?(?:said|told you)|that(?:['’]?s| is) (?:wrong|not)"
    r"|not what i|no[,.!] |you (?:misunderstood|got (?:it|that) wrong)|as i said|correction)",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:do not|don['’]?t|never|must not|mustn['’]?t|should not|shouldn['’]?t|without|except"
    r"|unless|no longer|not before|not after|instead of|rather than)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|unless|otherwise|in case|depending|whether|when)\b", re.IGNORECASE
)
_EVERY = re.compile(r"\b(?:all|every|each|any|both|everyone|everything)\b", re.IGNORECASE)
_ALSO = re.compile(r"\b(?:and|also|plus|as well|then|another|second)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?:[$€£]|\b(?:usd|eur|gbp)\s?)(?P<before>\d[\d,]*(?:\.\d+)?)"
    r"|(?P<after>\d[\d,]*(?:\.\d+)?)\s?(?:[$€£]|(?:usd|eur|gbp|dollars?|euros?|pounds?)\b)",
    re.IGNORECASE,
)
_ID = re.compile(r"#\w*\d\w*|\b[A-Z]{1,6}-?\d{3,}\b|\b\d{6,}\b|\b[\w.+-]+@[\w-]+\.[\w.-]+\b")
_DATE = re.compile(
    r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}[./]\d{1,2}(?:[./]\d{2,4})?\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:today|tomorrow|yesterday)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSignal:
    """A signal of a task's own: how many of its groups of words a text holds.

    `both_intents` with the groups (return, refund) and (exchange, swap) is 2 where both are there.
    """

    name: str
    says: str
    """What it counts, in plain words."""
    groups: tuple[tuple[str, ...], ...]

    def value(self, text: str) -> float:
        """Return the number of groups of which a word or phrase occurs, whole and in any case."""
        return float(
            sum(
                bool(re.search(rf"\b(?:{'|'.join(map(re.escape, group))})\b", text, re.IGNORECASE))
                for group in self.groups
            )
        )


def _users_part(text: str) -> str:
    """Return what the user said in a conversation; of a text without turns all of it."""
    turns = list(_TURN.finditer(text))
    if not turns:
        return text
    ends = [turn.start() for turn in turns[1:]] + [len(text)]
    said = zip(turns, ends, strict=True)
    return "\n".join(text[t.end() : end] for t, end in said if t["who"].lower() in _USERS)


def _amounts(text: str) -> list[float]:
    found = (match["before"] or match["after"] for match in _AMOUNT.finditer(text))
    return [float(amount.replace(",", "")) for amount in found]


def _count(pattern: re.Pattern[str]) -> Callable[[str], float]:
    return lambda text: float(len(pattern.findall(text)))


TEXT_SIGNALS: dict[str, tuple[str, Callable[[str], float]]] = {
    "num_tokens": ("tokens of the request, estimated", lambda text: float(estimate_tokens(text))),
    "num_words": ("words of the request", lambda text: float(len(text.split()))),
    "num_turns": ("turns of the conversation", lambda t: float(len(_TURN.findall(t)) or 1)),
    "num_corrections": (
        "times the user puts something right",
        lambda text: float(len(_CORRECTION.findall(_users_part(text)))),
    ),
    "num_questions": ("question marks", lambda text: float(text.count("?"))),
    "num_also": ("words that join requests (and, also, then)", _count(_ALSO)),
    "num_negations": (
        "constraints of what must not be (do not, except)",
        _count(_NEGATION),
    ),
    "num_conditions": ("conditions (if, unless, otherwise)", _count(_CONDITION)),
    "num_every": ("words for a whole set (all, every, each)", _count(_EVERY)),
    "num_amounts": ("amounts of money", lambda text: float(len(_amounts(text)))),
    "max_amount": ("the largest amount of money", lambda text: max(_amounts(text), default=0.0)),
    "num_ids": ("ids and mail addresses", _count(_ID)),
    "num_dates": ("dates and days", _count(_DATE)),
    "complexity": ("the five-factor complexity, 0 to 10", lambda text: complexity(text).score),
}
"""What each signal counts, in plain words, and how."""


def text_signals(text: str) -> dict[str, float]:
    """Return every signal of a request's text by name."""
    return {name: compute(text) for name, (_, compute) in TEXT_SIGNALS.items()}
