"""Regular expressions of the numbers between two bounds, written in decimals without an exponent.

They say exactly what the bounds say, but for integers of more than 40 digits. An open side reaches
18 digits beyond; a fraction has 15 digits, or as many as its bounds need and one more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_SPAN = 10**18 - Fraction(1, 2)
"""Between two integers, so that no expression spells out the limit digit by digit."""
_MAX_DIGITS = 40
_MAX_DECIMALS = 15
_MOST_DECIMALS = 30


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

    def holds_multiple(self, step: Any) -> bool:
        """Return whether any multiple of `step` (any number where it is None) lies inside."""
        if self.low is None or self.high is None:
            return True
        if step is None:
            return self.low < self.high or (
                self.low == self.high and not self.above and not self.below
            )
        size = Fraction(str(step))
        first = math.floor(self.low / size) + 1 if self.above else math.ceil(self.low / size)
        last = math.ceil(self.high / size) - 1 if self.below else math.floor(self.high / size)
        return first <= last


def bounds_of(schema: Mapping[str, Any]) -> Bounds:
    """Return the tighter of inclusive and exclusive bounds, of draft 4 (booleans) or later."""
    low, above = _tighter(schema.get("minimum"), schema.get("exclusiveMinimum"), 1)
    high, below = _tighter(schema.get("maximum"), schema.get("exclusiveMaximum"), -1)
    return Bounds(low=low, high=high, above=above, below=below)


def _tighter(inclusive: Any, exclusive: Any, sign: int) -> tuple[Fraction | None, bool]:
    if isinstance(exclusive, bool):
        return (None if inclusive is None else Fraction(str(inclusive))), exclusive
    found = [(Fraction(str(inclusive)), False)] if inclusive is not None else []
    found += [(Fraction(str(exclusive)), True)] if exclusive is not None else []
    return max(found, key=lambda pair: (sign * pair[0], pair[1]), default=(None, False))


def integer(bounds: Bounds) -> str:
    """Return an expression for the integers inside the bounds; an open side reaches 10^18."""
    low, high = bounds.integers()
    least = -_reach(-(high or 0)) if low is None else Fraction(low)
    most = _reach(low or 0) if high is None else Fraction(high)
    parts = _integers(max(math.ceil(least), 0), math.floor(most))
    negative = _integers(max(math.ceil(-most), 1), math.floor(-least))
    return _signed(parts, negative)


def number(bounds: Bounds, step: Any = None) -> str:
    """Return an expression for the numbers inside the bounds; `step` is a `multipleOf`.

    It is empty where no number of so few decimals lies between them.
    """
    decimals = _decimals(step, bounds)
    if decimals == 0:
        return integer(bounds)
    low, high = bounds.low, bounds.high
    least = _Edge(-_reach(-(high or 0)) if low is None else low, bounds.above)
    most = _Edge(_reach(low or 0) if high is None else high, bounds.below)
    zero = _Edge(Fraction(0), False)
    parts = _between(max(least, zero), most, decimals) if most.at >= 0 else []
    negative: list[str] = []
    if least.at < 0:
        negative = _between(max(most.mirrored(), zero), least.mirrored(), decimals)
    return _signed(parts, negative)


@dataclass(frozen=True, slots=True, order=True)
class _Edge:
    """Where a range begins or ends, and whether that number itself is left out."""

    at: Fraction
    is_open: bool

    def mirrored(self) -> _Edge:
        """Return the edge on the other side of zero."""
        return _Edge(-self.at, self.is_open)


def _reach(bound: Fraction | int) -> Fraction:
    """Return where an open side ends: as many digits as are told apart, or beyond a far bound."""
    return _SPAN if 10 * bound < _SPAN else bound + _SPAN


def _signed(parts: Sequence[str], negative: Sequence[str]) -> str:
    return _either([*parts, *([f"-{_either(negative)}"] if negative else [])])


def _between(low: _Edge, high: _Edge, decimals: int) -> list[str]:
    """Return alternatives for the numbers from `low` to `high`, neither below zero."""
    first, start, above = _split(low, decimals, math.ceil)
    last, end, below = _split(high, decimals, math.floor)
    if first > last:
        return []
    if first == last:
        return _with_integer(first, _fractions(start, above, end, below, decimals))
    parts = _with_integer(first, _fractions(start, above, None, False, decimals))
    inner = _integers(first + 1, last - 1)
    parts += [_either(inner) + rf"(?:\.[0-9]{{1,{decimals}}})?"] if inner else []
    return parts + _with_integer(last, _fractions("", False, end, below, decimals))


def _split(edge: _Edge, decimals: int, inward: Callable[[Fraction], int]) -> tuple[int, str, bool]:
    """Return an edge's integer before the point, the digits behind it, and whether it is left out.

    The digits have no zeros at the end.
    """
    exact = edge.at * 10**decimals
    scaled = inward(exact)
    whole, rest = divmod(scaled, 10**decimals)
    return whole, f"{rest:0{decimals}d}".rstrip("0"), edge.is_open and scaled == exact


def _with_integer(whole: int, fraction: str | None) -> list[str]:
    return [] if fraction is None else [f"{whole}{fraction}"]


def _fractions(low: str, above: bool, high: str | None, below: bool, decimals: int) -> str | None:
    """Return the point and the digits from `low` to `high` (None: all), or None without any."""
    if high == "":
        return None if low or above or below else rf"(?:\.0{{1,{decimals}}})?"
    if high is None and not low and not above:
        return rf"(?:\.[0-9]{{1,{decimals}}})?"
    found = _digits(low, above, high, below, decimals)
    digits = [part for part in found if part]
    if not digits:
        return "" if found else None
    return rf"(?:\.{_either(digits)})" + ("?" if "" in found else "")


def _digits(low: str, above: bool, high: str | None, below: bool, left: int) -> list[str]:
    """Return how digits go on that are so far those of both limits; `left` may be written.

    A limit that is None was left behind.
    """
    if high is None:
        return _at_least(low, above, left)
    if not low and not above:
        return _at_most(high, below, left)
    if not left or not high:
        return []
    first, last = int(low[:1] or "0"), int(high[0])
    if first == last:
        return [f"{first}{rest}" for rest in _digits(low[1:], above, high[1:], below, left - 1)]
    found = [f"{first}{rest}" for rest in _at_least(low[1:], above, left - 1)]
    found += [f"{_one_of(first + 1, last - 1)}{_any(left - 1)}"] if last - first > 1 else []
    return found + [f"{last}{rest}" for rest in _at_most(high[1:], below, left - 1)]


def _at_least(low: str, above: bool, left: int) -> list[str]:
    if not low and not above:
        return [_any(left)]
    if not left:
        return []
    first = int(low[:1] or "0")
    more = [f"{_one_of(first + 1, 9)}{_any(left - 1)}"] if first < 9 else []
    return more + [f"{first}{rest}" for rest in _at_least(low[1:], above, left - 1)]


def _at_most(high: str, below: bool, left: int) -> list[str]:
    if not high:
        return [] if below else [f"0{{0,{left}}}" if left else ""]
    if not left:
        return [""]
    first = int(high[0])
    less = [f"{_one_of(0, first - 1)}{_any(left - 1)}"] if first else []
    return ["", *less, *(f"{first}{rest}" for rest in _at_most(high[1:], below, left - 1))]


def _one_of(first: int, last: int) -> str:
    return f"[{first}-{last}]" if first < last else str(first)


def _any(count: int) -> str:
    return f"[0-9]{{0,{count}}}" if count else ""


def _integers(low: int, high: int) -> list[str]:
    """Return alternatives for the integers low..high, 0 <= low, without leading zeros."""
    if low > high:
        return []
    if low == 0:
        return ["0", *_integers(1, high)]
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
    return "".join(parts) if len(parts) < 2 else f"(?:{'|'.join(parts)})"


def _decimals(step: Any, bounds: Bounds) -> int:
    """Return how many decimals a number may have: those a multiple of `step` can have."""
    if step is not None and (own := _places(Fraction(str(step)), _MAX_DECIMALS)) is not None:
        return own
    needed = [_places(b, _MOST_DECIMALS) for b in (bounds.low, bounds.high) if b is not None]
    return max(_MAX_DECIMALS, *(n + 1 for n in needed if n is not None), 0)


def _places(value: Fraction, most: int) -> int | None:
    """Return how many decimals a number has; None beyond `most`."""
    return next((n for n in range(most) if (value * 10**n).denominator == 1), None)


def _written(bound: Fraction) -> str:
    return str(bound.numerator) if bound.denominator == 1 else str(float(bound))
