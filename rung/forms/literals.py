"""Regular expressions of JSON literals: text, numbers in a range, dates.

Every expression describes whole literals and uses only what llguidance, Rust `regex` and Python
`re` read alike: no anchors, look-around, references or Unicode classes. Where an expression is
wider than the schema (a fraction next to a fractional bound, 29 February of any year), the value
is checked after it was generated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

CHARACTER = r'(?:[^"\\\x00-\x1f\x7f]|\\["\\nt])'
"""One character of a JSON string: itself, or one of four escapes."""

_META = set(r"\.^$|?*+()[]{}")
_SPAN = 10**18 - Fraction(1, 2)
"""Between two integers, so that no expression spells out the limit digit by digit."""
_MAX_DIGITS = 18
_MAX_DECIMALS = 15

_Magnitudes = Callable[[Fraction | int, Fraction | int], list[str]]

_DAYS = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|[12][0-9]))"
)
_DATE = f"[12][0-9]{{3}}-{_DAYS}"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = rf"{_CLOCK}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:Z|[+-]{_CLOCK})"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HEX = "[0-9a-f]"

FORMATS = {
    "date": (f'"{_DATE}"', "date as YYYY-MM-DD"),
    "time": (f'"{_TIME}"', "time as HH:MM:SSZ"),
    "date-time": (f'"{_DATE}T{_TIME}"', "time as YYYY-MM-DDTHH:MM:SSZ"),
    "email": (f'"[A-Za-z0-9._%+-]{{1,64}}@{_LABEL}(?:\\.{_LABEL}){{1,4}}"', "email address"),
    "uuid": (f'"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"', "UUID"),
}
"""Expression and hint of each string format a form can force."""


def quote(text: str) -> str:
    """Return an expression that matches exactly `text`."""
    return "".join("\\" + char if char in _META else char for char in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The numeric bounds of a schema; None where there is none."""

    low: Fraction | None
    high: Fraction | None
    above: bool
    """`low` itself is excluded."""
    below: bool
    """`high` itself is excluded."""

    def hint(self) -> str:
        """Return the bounds in words, with a leading space, or nothing."""
        words = ""
        if self.low is not None:
            words += f" {'above' if self.above else 'from'} {_written(self.low)}"
        if self.high is not None:
            words += f" {'below' if self.below else 'up to'} {_written(self.high)}"
        return words

    def integers(self) -> tuple[int | None, int | None]:
        """Return the smallest and the largest integer inside."""
        low = high = None
        if self.low is not None:
            low = math.floor(self.low) + 1 if self.above else math.ceil(self.low)
        if self.high is not None:
            high = math.ceil(self.high) - 1 if self.below else math.floor(self.high)
        return low, high


def bounds_of(schema: Mapping[str, Any]) -> Bounds:
    """Return the tighter of inclusive and exclusive bounds, of draft 4 (booleans) or later."""
    low, above = _tighter(schema.get("minimum"), schema.get("exclusiveMinimum"), 1)
    high, below = _tighter(schema.get("maximum"), schema.get("exclusiveMaximum"), -1)
    return Bounds(low=low, high=high, above=above, below=below)


def _tighter(inclusive: Any, exclusive: Any, sign: int) -> tuple[Fraction | None, bool]:
    if isinstance(exclusive, bool):
        return (None if inclusive is None else Fraction(inclusive)), exclusive
    found = [(Fraction(inclusive), False)] if inclusive is not None else []
    found += [(Fraction(exclusive), True)] if exclusive is not None else []
    return max(found, key=lambda pair: (sign * pair[0], pair[1]), default=(None, False))


def integer(bounds: Bounds) -> str:
    """Return an expression for the integers inside the bounds; an open side reaches 10^18."""
    low, high = bounds.integers()
    least = -_reach(-(high or 0)) if low is None else low
    most = _reach(low or 0) if high is None else high
    return _signed(least, most, lambda a, b: _magnitudes(math.ceil(a), math.floor(b)), 1)


def number(bounds: Bounds, step: Any = None) -> str:
    """Return an expression for numbers of at most 15 decimals; `step` is a `multipleOf`."""
    decimals = _decimals(step)
    if decimals == 0:
        return integer(bounds)
    low, high = bounds.low, bounds.high
    least = -_reach(-(high or 0)) if low is None else low
    most = _reach(low or 0) if high is None else high
    return _signed(least, most, lambda a, b: _decimal_magnitudes(a, b, decimals), 0)


def _reach(bound: Fraction | int) -> Fraction | int:
    """Return where an open side ends: as many digits as are told apart, or beyond a far bound."""
    return _SPAN if 10 * bound < _SPAN else bound + _SPAN


def _signed(
    least: Fraction | int, most: Fraction | int, magnitudes: _Magnitudes, smallest: int
) -> str:
    """Join the two signs; `smallest` is the least magnitude written with a minus."""
    parts = magnitudes(max(least, 0), most) if most >= 0 else []
    if least < 0:
        parts.append(f"-{_either(magnitudes(max(-most, smallest), -least))}")
    return _either(parts)


def _decimal_magnitudes(low: Fraction | int, high: Fraction | int, decimals: int) -> list[str]:
    fraction = rf"(?:\.[0-9]{{1,{decimals}}})?"
    first, last = math.floor(low), math.floor(high)
    if high != last:
        return [_either(_magnitudes(first, last)) + fraction]
    below = [_either(_magnitudes(first, last - 1)) + fraction] if first < last else []
    return [*below, rf"{last}(?:\.0{{1,{decimals}}})?"]


def _magnitudes(low: int, high: int) -> list[str]:
    """Return alternatives for the integers low..high, 0 <= low <= high, without leading zeros."""
    if low == 0:
        return ["0"] + (_magnitudes(1, high) if high else [])
    shortest, longest = len(str(low)), len(str(high))
    if longest > _MAX_DIGITS:
        return [f"[1-9][0-9]{{{shortest - 1},{longest - 1}}}"]
    parts, full = [], []
    for size in range(shortest, longest + 1):
        a, b = max(low, 10 ** (size - 1)), min(high, 10**size - 1)
        if (a, b) == (10 ** (size - 1), 10**size - 1):
            full.append(size)
        else:
            parts.append(_same_length(str(a), str(b)))
    if full:
        parts.append(f"[1-9][0-9]{{{full[0] - 1},{full[-1] - 1}}}")
    return parts


def _same_length(low: str, high: str) -> str:
    """Return an expression for the integers low..high, written with equally many digits."""
    if low == high:
        return low
    if len(low) == 1:
        return f"[{low}-{high}]"
    if low[0] == high[0]:
        return low[0] + _same_length(low[1:], high[1:])
    rest = len(low) - 1
    first, last, parts = int(low[0]), int(high[0]), []
    if low[1:] != "0" * rest:
        parts.append(low[0] + _same_length(low[1:], "9" * rest))
        first += 1
    if high[1:] != "9" * rest:
        parts.append(high[0] + _same_length("0" * rest, high[1:]))
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}][0-9]{{{rest}}}")
    return _either(parts)


def _either(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def _decimals(step: Any) -> int:
    """Return how many decimals a multiple of `step` can have, as far as it is told easily."""
    if step is None:
        return _MAX_DECIMALS
    for decimals in range(_MAX_DECIMALS):
        if (Fraction(str(step)) * 10**decimals).denominator == 1:
            return decimals
    return _MAX_DECIMALS


def _written(bound: Fraction) -> str:
    return str(bound.numerator) if bound.denominator == 1 else str(float(bound))
