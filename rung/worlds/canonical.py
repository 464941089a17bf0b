"""One form for values that mean the same: case, whitespace, numbers, dates, times.

Days are ISO (`4 March 2026` is `2026-03-04`), times have 24 hours and two digits (`2 pm` is
`14:00`), numbers no separators and no trailing zeros. Days written with slashes stay as they are,
since nobody can tell the day from the month; numbers with leading zeros are ids and stay, too.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_ISO = re.compile(
    r"(?<![\w-])(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[t ](?=\d{1,2}:\d\d)|(?![\w-]))"
)
_WRITTEN = (
    re.compile(rf"\b{_WEEKDAY}{_DAY} (?:of )?{_MONTH},? {_YEAR}\b"),
    re.compile(rf"\b{_WEEKDAY}{_MONTH} {_DAY},? {_YEAR}\b"),
)
_TIME = re.compile(
    r"(?<![\w:.])(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::00(?:\.0+)?)?(?:z|\+00:00)?"
    r"(?: ?(?P<half>[ap])\.?m\b\.?)?(?![\w:])"
)
_HOUR = re.compile(r"(?<![\w:.])(?P<hour>\d{1,2}) ?(?P<half>[ap])\.?m\b\.?")
_NUMBER = re.compile(r"(?<![\w.,:-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w:-]|[.,]\d)")


def canonical(value: Any) -> Any:
    """Return a form that is equal for equal meanings: text, or a tuple for lists, sets and objects.

    Numbers become text, so `30`, `30.0` and `"30"` are one. Null is the empty text. The order of a
    list does not count (attendees, labels), nor does that of an object's keys; keys without a value
    are left out.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        pairs = ((_text(str(key)), canonical(item)) for key, item in value.items())
        return tuple(sorted((pair for pair in pairs if pair[1] != ""), key=repr))
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(sorted(map(canonical, value), key=repr))
    return _text(str(value))


def contains(text: str, literal: str) -> bool:
    """Return whether the text has the literal as whole words, both in their canonical form."""
    wanted = re.escape(canonical(literal))
    return re.search(rf"(?<!\w)(?<!\d[.,]){wanted}(?!\w|[.,]\d)", canonical(text)) is not None


@lru_cache(maxsize=4096)  # the values of a workplace are read again and again
def _text(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFKC", text).split()).casefold()
    if not any(character.isdigit() for character in text):
        return text
    for pattern in (*_WRITTEN, _ISO):
        text = pattern.sub(_day, text)
    for pattern in (_TIME, _HOUR):
        text = pattern.sub(_time, text)
    return _NUMBER.sub(lambda match: _plain(match[0]), text)


def _day(match: re.Match[str]) -> str:
    month = match["month"]
    number = int(month) if month.isdigit() else _MONTHS.index(month[:3]) + 1
    try:
        day = date(int(match["year"]), number, int(match["day"])).isoformat()
    except ValueError:
        return match[0]
    return f"{day} " if match[0][-1] in "t " else day


def _time(match: re.Match[str]) -> str:
    parts = match.groupdict()
    hour, minute = int(parts["hour"]), int(parts.get("minute") or 0)
    if parts["half"] and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (parts["half"] == "p")
    return f"{hour:02d}:{minute:02d}" if hour < 24 and minute < 60 else match[0]


def _number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _plain(format(Decimal(str(value) if isinstance(value, float) else value), "f"))


def _plain(number: str) -> str:
    """Return a decimal without separators and trailing zeros; with leading zeros, as it is."""
    digits = number.lstrip("-")
    if len(digits) > 1 and digits[0] == "0" and digits[1] != ".":
        return number
    number = number.replace(",", "")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return "0" if number == "-0" else number
