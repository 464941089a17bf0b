"""Take personal data out of a text before it is written: mail, phone, card, and rules of one's own.

A found value becomes the name of its rule in brackets, `[mail]`. JSON is decoded first, so that an
escaped `@` does not slip through, and every text in it is looked at, names included. Rules find
forms, not meanings: names of people and addresses need rules of one's own.

Cards: 13 to 19 digits that pass the check of ISO/IEC 7812-1, annex B (Luhn). Phones: numbers with
a leading + or 00, or grouped as in North America or behind a trunk 0; a bare run of digits is taken
for an id. Luhn, H. P., US patent 2,950,048.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean

_MAIL = r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
_CARD = r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)"
_PHONE = (
    r"(?<![\w+])(?:\+|00)[1-9](?:[ ().\-/]{0,2}\d){6,13}(?!\d)"
    r"|(?<![\w.\-])\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{4}(?![\w\-])"
    r"|(?<![\w.\-])\(?0\d{1,4}\)?[ \-/]{1,2}\d{2,4}(?:[ \-]?\d{2,5}){1,3}(?![\w\-])"
)
BUILT_IN = {"mail": _MAIL, "card": _CARD, "phone": _PHONE}
"""In the order they are applied: a card is not to be taken for a phone."""
_NUMBER = re.compile(r"\d[\d ().\-/]{5,}\d")
"""Where a card or a phone may be; the rules themselves cost far more than looking for this."""
_MIN_CARD_DIGITS = 13
_CARD_NUMBERS = range(10**12, 10**19)


class Redactor:
    """Applies the named built-in rules, then patterns of one's own by name.

    Raises ConfigError for an unknown rule or a pattern that is not a regular expression.
    """

    def __init__(
        self, rules: Sequence[str] = tuple(BUILT_IN), patterns: Mapping[str, str] | None = None
    ) -> None:
        self._rules = frozenset(rules)
        self._own = tuple(_step(name, pattern) for name, pattern in (patterns or {}).items())
        for rule in rules:
            if rule not in BUILT_IN:
                hint = did_you_mean(rule, BUILT_IN)
                raise ConfigError(f"no redaction rule is called {rule!r}", hint=hint)
        self._of_numbers = tuple(
            _step(rule, BUILT_IN[rule]) for rule in ("card", "phone") if rule in rules
        )

    def text(self, text: str) -> str:
        """Return the text without what the rules find."""
        if "@" in text and "mail" in self._rules:
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
        if b"@" in data or b"\\u" in data or b"\\/" in data:
            return True
        return any(not _is_id(plain, found) for found in _NUMBER.finditer(plain))

    def _numbers(self, text: str) -> str:
        """Apply the rules for cards and phones where there are enough digits, signs around them
        included."""
        pieces, done = [], 0
        for found in _NUMBER.finditer(text):
            if _is_id(text, found):
                continue
            start, end = max(done, found.start() - 2), found.end() + 1
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
                cleaned = {self.text(name): self._leaf(item) for name, item in whole.items()}
                whole.clear()
                whole.update(cleaned)
        return top[0]

    def _leaf(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if "card" in self._rules and isinstance(value, int) and value in _CARD_NUMBERS:
            return "[card]" if _luhn(str(value)) else value
        return value


def _step(name: str, pattern: str) -> Callable[[str], str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"redaction rule {name!r}: {pattern!r} is not a regular expression: {error}",
            hint="write it in single quotes in gateway.toml",
        ) from None
    label = f"[{name}]"
    if name == "card":
        return lambda text: compiled.sub(lambda m: label if _luhn(m[0]) else m[0], text)
    return lambda text: compiled.sub(label, text)


def _is_id(text: str, found: re.Match[str]) -> bool:
    """Return whether digits are a bare run that neither a card nor a phone can be: most are."""
    digits = found[0]
    if not digits.isdigit() or len(digits) >= _MIN_CARD_DIGITS or digits.startswith("00"):
        return False
    return found.start() == 0 or text[found.start() - 1] != "+"


_mail = _step("mail", _MAIL)


def _luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
