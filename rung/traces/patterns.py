"""What mail addresses, card numbers and phone numbers look like in a text.

Cards: 13 to 19 digits that pass the check of ISO/IEC 7812-1, annex B (Luhn), alone or in groups,
whatever digits stand beside them: an expiry date, a check number. Phones: numbers with a leading
+ or 00, or grouped as in North America or behind a trunk 0; a bare run of digits is taken for an
id. A text may be JSON that another JSON holds, as arguments of tools are: there a letter may stand
before a number only since it ends an escape, as in `\\n`. Luhn, H. P., US patent 2,950,048.
"""

from __future__ import annotations

import re

_SPACE = r" \u00a0\u2007\u2009\u202f"
_DASH = r"\-\u2010-\u2015"
_ESCAPED = r"(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4})"

MAIL = (
    r"(?:(?<![\w.+%-])(?!(?<=\\)[bfnrt])|(?<=\\[bfnrt]))"
    r"(?:[\w.+%-]|\\{1,4}u[0-9a-fA-F]{4})+(?:@|%40|\\{1,4}u0040)(?:[\w-]{1,63}\.){1,8}"
    r"(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24}(?![A-Za-z0-9])|[^\W\d_]{2,24}(?![^\W_]))"
)
MAIL_SIGNS = ("@", "%40", "u0040")
"""One of them is in every text with an address."""

_ALONE = rf"(?:(?<![^\W_])(?<![.\-])|{_ESCAPED})"
_END = rf"(?!\d|[{_DASH}]\d)"
_DATE = rf"\d\d[{_SPACE}{_DASH}]\d\d[{_SPACE}{_DASH}](?:19|20)\d\d(?!\d)"
PHONE = "|".join(
    (
        rf"(?:(?<![^\W_])(?<!\+)|{_ESCAPED})(?:\+\(?|00)[1-9]"
        rf"(?:[{_SPACE}{_DASH}().\\/]{{0,3}}\d){{6,13}}(?!\d)",
        rf"{_ALONE}(?:1[{_SPACE}{_DASH}.]{{1,2}})?"
        rf"(?:\(\d{{3}}\)[{_SPACE}{_DASH}.]{{0,2}}|\(?\d{{3}}[{_SPACE}{_DASH}.])"
        rf"\d{{3}}[{_SPACE}{_DASH}.]\d{{4}}{_END}",
        rf"{_ALONE}(?!{_DATE})(?:\(0\d{{1,4}}\)|0\d{{1,4}}(?=[{_SPACE}{_DASH}\\/]))"
        rf"[{_SPACE}{_DASH}\\/]{{0,2}}\d{{2,4}}(?:[{_SPACE}{_DASH}]?\d{{2,5}}){{1,3}}{_END}",
        rf"{_ALONE}0[1-9](?:\.\d\d){{4}}(?!\.?\d)",
    )
)


def _number(digit: str) -> re.Pattern[str]:
    """Return where a card or a phone may be: digits and signs, but no bare run of up to 12 digits
    without `+` or 00 before it. Most numbers are such ids."""
    signs = rf"{_SPACE}{_DASH}().\\/"
    is_id = rf"(?<!\+{digit})(?<!0(?=0)){digit}{{6,11}}(?![{signs}]*{digit})"
    return re.compile(rf"{digit}(?<!{digit}{digit})(?!{is_id})(?:{digit}|[{signs}]){{5,}}{digit}")


NUMBER, ASCII_NUMBER = _number(r"\d"), _number("[0-9]")
"""The patterns themselves cost far more than looking for this. The second finds the same in a text
of ASCII, sooner."""

MIN_CARD_DIGITS, MAX_CARD_DIGITS = 13, 19
_MIN_GROUP = 4
_CARD = re.compile(rf"(?<!\d)(?:\d[{_SPACE}{_DASH}]?){{12,18}}\d(?!\d)")
_GROUPS = re.compile(rf"\d+(?:[{_SPACE}{_DASH}./]{{1,2}}\d+)*")
_GROUP = re.compile(r"\d+")
_ISSUED = re.compile(r"[3-6]|2[2-7]")
"""How the numbers of payment cards begin."""


def without_cards(text: str, label: str) -> str:
    """Return the text with a label in place of each card number."""
    text = _GROUPS.sub(lambda found: _without_grouped(found[0], label), text)
    return _CARD.sub(lambda found: label if passes_luhn(found[0]) else found[0], text)


def _without_grouped(text: str, label: str) -> str:
    """Return groups of digits without the cards that some of them are.

    Any grouping would find a card in most lists of numbers; in groups of four digits and more, of
    which the last may be shorter, chance finds few.
    """
    if len(text) < MIN_CARD_DIGITS:
        return text
    groups = list(_GROUP.finditer(text))
    pieces, done, first = [], 0, 0
    while first < len(groups):
        last = _last_of_card([group[0] for group in groups[first : first + 5]])
        if last is None:
            first += 1
            continue
        pieces += [text[done : groups[first].start()], label]
        done = groups[first + last].end()
        first += last + 1
    return "".join([*pieces, text[done:]])


def _last_of_card(groups: list[str]) -> int | None:
    """Return which group ends the card that begins with the first one, None where none does."""
    digits = ""
    for at, group in enumerate(groups):
        digits += group
        if len(digits) > MAX_CARD_DIGITS or not _ISSUED.match(digits):
            return None
        if len(digits) >= MIN_CARD_DIGITS and passes_luhn(digits):
            return at
        if len(group) < _MIN_GROUP:
            return None
    return None


def passes_luhn(text: str) -> bool:
    """Return whether the digits in a text pass the check."""
    digits = [int(char) for char in text if char.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
