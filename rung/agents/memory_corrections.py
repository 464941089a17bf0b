"""Corrections: "no, it is 4712", "sorry, I meant Tuesday", "it's 12b, not 12".

A correction names a value and leaves the rest to what was said before. It is read only where that
is beyond doubt: the fact it corrects has the value that it denies, or was repeated by the last
answer, or was stated in this turn or the two before; and the new value looks like the old one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rung.agents.memory_words import NOTHING, PASSING, attribute_name
from rung.store import Claim

MAX_AGE_TURNS = 4
"""A correction without the old value concerns facts at most so many turns back, answers counted."""
MAX_WORD_AGE_TURNS = 2
"""The same where the value is a plain word: "no, it's green" may mean anything."""

_WRONG = (
    r"(?:no|nope|actually|wrong|correction|my mistake|that['’]?s (?:wrong|not right|incorrect)"
    r"|that is (?:wrong|not right|incorrect))"
)
_CUE = rf"(?:{_WRONG}|sorry|wait|oops)"
_IT = r"(?:it|that|this)(?:['’]s| is| should be| should have been| must be)"
_MEANT = r"i (?:meant|mean)(?: to say)?"
_THE = r"(?:the|my) (?P<what>[^\W\d_][\w -]{1,30}?) (?:is|should be)"
_OLD = r",? (?:and )?not (?:the )?(?P<old>\S[^,.;!?\n]{0,60})"
_NEW = r"(?:now |actually |called )?(?P<value>\S(?:.{0,78}?\S)??)"
_END = r"(?=\s*(?:$|[;(\n]|,(?:\s|$)|[.!?]+(?:\s|$)|\s[-–—]\s|\s(?:not|but|please)\b))"
_BEFORE = r"(?:^|[,.;–—-] ?)"
_CUES = rf"(?P<cues>(?:{_CUE}\b[,.!:;–—-]*\s+)+)"
_PATTERNS = tuple(
    re.compile(f"{_BEFORE}{pattern}", re.IGNORECASE)
    for pattern in (
        rf"{_CUES}(?P<said>{_IT}|{_MEANT}|{_THE})\s{_NEW}{_END}(?:{_OLD})?",
        rf"(?P<said>{_MEANT})\s{_NEW}{_END}(?:{_OLD})?",
        rf"(?P<said>{_IT}|{_THE})\s{_NEW}{_END}{_OLD}",
        rf"(?:(?:no|sorry),? )?not (?P<old>\S[^,.;!?\n]{{0,60}}?),? but (?P<said>){_NEW}{_END}",
        rf"{_CUES}{_NEW}{_END}(?:{_OLD})?",
    )
)
_STARTS = re.compile(
    rf"^\W*(?:actually\b|{_WRONG}"
    r"(?=\s*(?:[,.!:;–—-]|$)|\s(?:it|that|this|the|my|i mean|i meant)\b))",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TALK = re.compile(
    r"(?:i|thanks?|please|sorry|yes|ok|okay|sure|what|why|how|my|the|this)\b", re.IGNORECASE
)
_MAX_LENGTHS_APART = 3
_DENIES = re.compile(r"\b(?:no|nope|wrong|correction|mistake|not right|incorrect)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A value said to be right, and the fact whose value it takes the place of."""

    before: Claim
    start: int
    end: int
    """Where the right value stands in the sentence, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said before the sentence that is read."""

    stated: Sequence[Claim]
    """What holds, newest last."""
    answer: str
    """What was said to the customer last."""
    conversation: str
    turn: int
    """Number of the turn that is read."""


def begins_with_cue(sentence: str) -> bool:
    """Return whether a sentence says at once that something before was wrong."""
    return bool(_STARTS.match(sentence))


def find_correction(sentence: str, said: Said, *, start: int) -> Correction | None:
    """Return the correction in a sentence, None when there is none or it is in doubt.

    `start` is where the sentence begins in its turn: it corrects nothing behind it.
    """
    for pattern in _PATTERNS:
        for match in pattern.finditer(sentence):
            first, end = match.span("value")
            at = (said.conversation, said.turn)
            earlier = [
                claim
                for claim in reversed(said.stated)
                if (claim.conversation, claim.turn) != at or claim.start < start + first
            ]
            if (claim := _corrected(match, earlier, said)) is not None:
                return Correction(before=claim, start=first, end=end)
    return None


def _corrected(match: re.Match[str], newest_first: Sequence[Claim], said: Said) -> Claim | None:
    """Return what the match corrects."""
    value, groups = match["value"], match.groupdict()
    if NOTHING.match(value) or PASSING.match(value):
        return None
    alike = [claim for claim in newest_first if _alike(value, claim.value)]
    if old := groups.get("old"):
        denied = old.strip().casefold()
        return next((claim for claim in alike if claim.value.casefold() == denied), None)
    if what := groups.get("what"):
        named = attribute_name(what)
        return next((claim for claim in alike if claim.attribute == named), None)
    plain = _kind(value) == "words" and value[0].islower()
    if plain and not (groups.get("said") and _DENIES.search(groups.get("cues") or "")):
        return None
    age = MAX_WORD_AGE_TURNS if plain else MAX_AGE_TURNS
    repeated = [claim for claim in alike if _has(said.answer, claim.value)]
    recent = [claim for claim in alike if _is_recent(claim, said, age)]
    return next(iter([*repeated, *recent]), None)


def _is_recent(claim: Claim, said: Said, age: int) -> bool:
    return claim.conversation == said.conversation and said.turn - claim.turn <= age


def _has(text: str, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _alike(new: str, old: str) -> bool:
    """Return whether one value may stand where the other did.

    Both are mail addresses, codes of about one length, phrases with a word in common, or about as
    many words, both with capitals or both without.
    """
    if new == old or _kind(new) != _kind(old):
        return new != old and bool(_words(new) & _words(old))
    if _kind(new) == "code":
        return abs(len(new) - len(old)) <= _MAX_LENGTHS_APART
    if _kind(new) == "phrase":
        return bool(_words(new) & _words(old))
    if _kind(new) == "words":
        fits = new[0].isupper() == old[0].isupper() and new.count(" ") <= old.count(" ") + 1
        return fits and not _TALK.match(new)
    return True


def _kind(value: str) -> str:
    if _MAIL.fullmatch(value):
        return "mail"
    if not any(character.isdigit() for character in value):
        return "words"
    return "code" if " " not in value else "phrase"


def _words(value: str) -> set[str]:
    """Return the words of three letters or digits and more, which are seldom alike by chance."""
    return set(re.findall(r"\w{3,}", value.casefold())) - {"the"}
