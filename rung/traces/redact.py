"""Take personal data out of a text before it is written: mail, phone, card, and rules of one's own.

A found value becomes the name of its rule in brackets, `[mail]`. JSON is decoded first, so that an
escaped `@` does not slip through, and every text in it is looked at, names included. Rules find
forms (`patterns.py`), not meanings: names of people and addresses need rules of one's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean
from rung.traces.patterns import (
    ASCII_NUMBER,
    MAIL,
    MAIL_SIGNS,
    NUMBER,
    PHONE,
    passes_luhn,
    without_cards,
)

BUILT_IN = ("mail", "card", "phone")
"""In the order they are applied: a card is not to be taken for a phone."""
_CARD_NUMBERS = range(10**12, 10**19)
_NUM_BEFORE = 8
"""Characters before a number that its rule looks at: `+(`, and an escape."""


class Redactor:
    """Applies the named built-in rules, then patterns of one's own by name.

    Raises ConfigError for an unknown rule or a pattern that is not a regular expression.
    """

    def __init__(
        self, rules: Sequence[str] = BUILT_IN, patterns: Mapping[str, str] | None = None
    ) -> None:
        self._rules = frozenset(rules)
        self._own = tuple(_step(name, pattern) for name, pattern in (patterns or {}).items())
        for rule in rules:
            if rule not in BUILT_IN:
                hint = did_you_mean(rule, BUILT_IN)
                raise ConfigError(f"no redaction rule is called {rule!r}", hint=hint)
        self._of_numbers = tuple(
            step for rule, step in (("card", _cards), ("phone", _phones)) if rule in rules
        )

    def text(self, text: str) -> str:
        """Return the text without what the rules find."""
        if "mail" in self._rules and any(sign in text for sign in MAIL_SIGNS):
            text = _mail(text)
        if self._of_numbers:
            text = self._numbers(text)
        for step in self._own:
            text = step(text)
        return text

    def json(self, data: bytes) -> str:
        """Return JSON bytes as text without what the rules find; not JSON is taken as one text.

        JSON that is nested too deep to be decoded becomes a JSON text of what it was.
        """
        plain = data.decode("utf-8", "replace")
        if not self._suspects(data, plain):
            return plain
        try:
            value = msgspec.json.decode(data)
            return msgspec.json.encode(self._walk(value)).decode("utf-8", "replace")
        except RecursionError:
            return msgspec.json.encode(self.text(plain)).decode()
        except (msgspec.DecodeError, UnicodeError, OverflowError):
            return self.text(plain)

    def _suspects(self, data: bytes, plain: str) -> bool:
        """Return whether a rule could find something in these bytes of JSON, which are `plain`.

        Escapes may hide a sign that a rule looks for, so those of `@` and `/` are suspect.
        """
        if self._own:
            return True
        if not self._rules:
            return False
        if b"@" in data or (b"%" in data and b"%40" in data):
            return True
        if b"\\" in data and (b"\\u" in data or b"\\/" in data):
            return True
        return (ASCII_NUMBER if plain.isascii() else NUMBER).search(plain) is not None

    def _numbers(self, text: str) -> str:
        """Apply the rules for cards and phones where there are enough digits, signs around them
        included."""
        pieces, done = [], 0
        for found in NUMBER.finditer(text):
            start, end = max(done, found.start() - _NUM_BEFORE), found.end() + 2
            piece = text[start:end]
            for step in self._of_numbers:
                piece = step(piece)
            pieces += [text[done:start], piece]
            done = min(end, len(text))
        return "".join([*pieces, text[done:]]) if pieces else text

    def _walk(self, value: Any) -> Any:
        """Return a decoded value without what the rules find; its lists and objects are changed.

        Without recursion: what can be decoded may be nested deeper than calls of Python may.
        """
        top = [value]
        inner: list[Any] = [top]
        while inner:
            whole = inner.pop()
            if isinstance(whole, list):
                inner += [item for item in whole if isinstance(item, list | dict)]
                whole[:] = map(self._leaf, whole)
            else:
                inner += [item for item in whole.values() if isinstance(item, list | dict)]
                cleaned: dict[str, Any] = {}
                for name, item in whole.items():
                    plain = self.text(name)
                    # two names may have become one
                    key = f"{plain} {len(cleaned)}" if plain in cleaned else plain
                    cleaned[key] = self._leaf(item)
                whole.clear()
                whole.update(cleaned)
        return top[0]

    def _leaf(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if "card" in self._rules and isinstance(value, int) and value in _CARD_NUMBERS:
            return "[card]" if passes_luhn(str(value)) else value
        return value


def _step(name: str, pattern: str) -> Callable[[str], str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"redaction rule {name!r}: {pattern!r} is not a regular expression: {error}",
            hint="write it in single quotes in gateway.toml",
        ) from None
    return lambda text: compiled.sub(f"[{name}]", text)


def _cards(text: str) -> str:
    return without_cards(text, "[card]")


_mail, _phones = _step("mail", MAIL), _step("phone", PHONE)
