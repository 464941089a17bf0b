"""Sentences of a message, with where they stand, and what kind of sentence they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 1000
"""Longer stretches without a full stop are pasted data, not something said."""
_END = re.compile(r"(?<![.!?])[.!?]++[\"')\]]*+(?=\s)|\n+")
_ABBREVIATION = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|no|nr|inc|ltd|co|jr|sr|approx|ext|apt|vs|e\.g|i\.e)\.$",
    re.IGNORECASE,
)
_INITIAL = re.compile(r"\b[A-Z]\.$")
_NAME = re.compile(
    r"\s+(?!(?:I|My|Please|The|Can|Could|It|What|How|When|Where|Is|And|But|So|Also|Thanks?)\b)[A-Z]"
)
_NOT_SO = re.compile(
    r"\b(?:if|whether|unless|suppose|supposing|assuming|imagine|pretend|for example|e\.g\.)\b"
    r"|\b(?:he|she|they|who|it|someone|somebody|everyone|agent|colleague|bot|page|e-?mail|form|site)"
    r" (?:just |still )?(?:said|says|say|told|tells|thinks?|thought|claims?|claimed|asked|asks"
    r"|shows?|showed)\b",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"^\W*(?:(?:and|but|so|ok|okay|hi|hello|hey),? )?(?:is|are|was|were|do|does|did|can|could|would"
    r"|will|should|may|might|what|which|who|when|where|why|how)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence or line of a text."""

    text: str
    start: int
    """Where it begins in the text, in characters."""

    @property
    def asks(self) -> bool:
        """Whether it is a question from its first word."""
        return self.text.rstrip("\"')]").endswith("?") and bool(_ASKING.search(self.text))

    def asserts(self, at: int) -> bool:
        """Return whether what stands at `at` is the writer's own word and not an assumption.

        False behind "if" and "she said", and inside double quotes.
        """
        before = self.text[:at]
        quoted = before.count('"') % 2 == 1 or before.count("“") > before.count("”")
        return not quoted and not _NOT_SO.search(before)


def sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a text; a full stop behind an abbreviation or initial ends none."""
    start = 0
    for end in _END.finditer(text):
        if end[0] == "." and _ends_none(text[start : end.end()], text[end.end() :]):
            continue
        yield from _sentence(text, start, end.end())
        start = end.end()
    yield from _sentence(text, start, len(text))


def _ends_none(before: str, after: str) -> bool:
    if _ABBREVIATION.search(before):
        return True
    return bool(_INITIAL.search(before) and _NAME.match(after))


def _sentence(text: str, start: int, end: int) -> Iterator[Sentence]:
    inner = text[start:end].strip()
    if 0 < len(inner) <= MAX_CHARS:
        yield Sentence(text=inner, start=text.index(inner, start))
