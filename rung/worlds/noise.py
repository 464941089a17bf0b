"""How people type: slips of the finger, chat short forms, phrasing carried over from abroad.

Tokens with digits, capitals or signs (names, error codes, asset tags, times) are never damaged, so
no fact of a ticket gets lost.
"""

from __future__ import annotations

import re
from random import Random

_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
    "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o",
    "q": "wa", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc",
    "y": "tu", "z": "x",
}  # fmt: skip
_WORD = re.compile(r"(?<![\w@.#'-])[a-z]{4,}(?![\w@#'-])")
_CONTRACTION = re.compile(r"\b([a-z]+)'(t|s|m|re|ve|ll|d)\b")
_LEAD = re.compile(r"(?:^|(?<=[.!?] ))([A-Z])(?=[a-z']*[ ,.:;!?](?![A-Z]))")
_ARTICLE = re.compile(r" (?:the|a|an) (?=[a-z])")
_FOREIGN = (
    ("I can't", "I am not able to"),
    ("can't", "cannot"),
    ("doesn't", "is not"),
    ("I need", "I am needing"),
    ("Please ", "Kindly "),
    ("since", "from"),
    ("a lot of", "many"),
    ("again and again", "every time again"),
    ("I have", "I am having"),
    ("any more", "no more"),
)
_SHORT = (
    ("please", "pls"),
    ("Please", "pls"),
    ("because", "bc"),
    ("about", "abt"),
    ("with", "w/"),
    (" you ", " u "),
    (" are ", " r "),
    ("tomorrow", "tmrw"),
    ("password", "pw"),
    ("message", "msg"),
    ("someone", "sb"),
)


def slip(text: str, random: Random, *, count: int) -> str:
    """Return the text with up to `count` typing errors in plain lower-case words."""
    for _ in range(count):
        words = list(_WORD.finditer(text))
        if not words:
            break
        word = random.choice(words)
        text = text[: word.start()] + _mistype(word[0], random) + text[word.end() :]
    return text


def _mistype(word: str, random: Random) -> str:
    at = random.randrange(1, len(word) - 1)
    kind = random.random()
    if kind < 0.3:
        return word[:at] + random.choice(_NEIGHBOURS[word[at]]) + word[at + 1 :]
    if kind < 0.6:
        return word[:at] + word[at + 1 :]
    if kind < 0.85:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at] + word[at:]


def drop_apostrophes(text: str) -> str:
    """Return the text with "can't" typed as "cant"."""
    return _CONTRACTION.sub(r"\1\2", text)


def foreign(text: str, random: Random) -> str:
    """Return the text as a writer thinks it in another language: articles go, idioms stay."""
    for plain, other in _FOREIGN:
        if plain in text and random.random() < 0.5:
            text = text.replace(plain, other, 1)
    return _ARTICLE.sub(lambda match: " " if random.random() < 0.45 else match[0], text)


def shorten(text: str, random: Random) -> str:
    """Return the text with the abbreviations of chat."""
    for plain, short in _SHORT:
        if plain in text and random.random() < 0.4:
            text = text.replace(plain, short)
    return text


def lower_leads(text: str) -> str:
    """Lower the first letter of each sentence and "I"; names and abbreviations stay."""
    text = _LEAD.sub(lambda match: match[1].lower(), text)
    return text.replace(" I ", " i ").replace(" I'", " i'")


def type_out(text: str, random: Random, *, p_clean: float = 0.65) -> str:
    """Type the text with the care of a random writer."""
    kind = random.random()
    if kind < p_clean:
        return text
    if random.random() < 0.4:
        text = drop_apostrophes(text)
    if random.random() < 0.2:
        text = lower_leads(text)
    return slip(text, random, count=random.choice((1, 1, 2, 3)))
