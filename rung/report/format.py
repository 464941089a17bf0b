"""How numbers and foreign text are written in every table, plot label and sentence of a report.

One rule per kind of number, so that a column reads the same in a terminal and in HTML: scores
without the leading zero and with three decimals, money with three significant digits below one
dollar and never rounded to zero, latency with its unit. A missing or non-finite number is a dash.
Nothing is computed here.
"""

from __future__ import annotations

import math
import re
import unicodedata

MISSING = "–"
SMALLEST_USD = 1e-6


def is_number(value: float | None) -> bool:
    """Return whether the value is there and finite."""
    return value is not None and math.isfinite(value)


def score(value: float | None) -> str:
    """Write a score: `.851`, `1.000`."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.3f}"
    if float(text) == 0:
        return ".000"
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text


def difference(value: float | None) -> str:
    """Write a difference of scores with its sign: `+.034`, `-.012`, `.000`."""
    text = score(value)
    return f"+{text}" if value is not None and value > 0 and text not in (MISSING, ".000") else text


def interval(ends: tuple[float, float]) -> str:
    """Write an interval of scores: `[.812, .894]`."""
    return f"[{score(ends[0])}, {score(ends[1])}]"


def difference_interval(ends: tuple[float, float]) -> str:
    """Write an interval of score differences: `[-.010, +.058]`."""
    return f"[{difference(ends[0])}, {difference(ends[1])}]"


def p_value(value: float | None) -> str:
    """Write a p-value, never as zero: `.081`, `<.001`."""
    small = value is not None and value < 0.0005
    return "<.001" if small else score(value)


def percent(value: float | None) -> str:
    """Write a share (0 to 1) as a percentage: `92.2%`, `100%`."""
    if value is None or not math.isfinite(value):
        return MISSING
    return "100%" if value == 1 else "0%" if value == 0 else f"{100 * value:.1f}%"


def percent_interval(ends: tuple[float, float]) -> str:
    """Write an interval of a share: `[16.3%, 32.3%]`."""
    return f"[{percent(ends[0])}, {percent(ends[1])}]"


def usd(value: float | None) -> str:
    """Write an amount of money; a small amount keeps its digits: `$0.0042`, `$17.60`, `$64,240`."""
    if value is None or not math.isfinite(value):
        return MISSING
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size == 0:
        return "$0"
    if size < SMALLEST_USD:
        return f"{sign}<$0.000001"
    if size >= 999.995:
        return f"{sign}${size:,.0f}"
    if size >= 0.9995:
        return f"{sign}${size:.2f}"
    decimals = 2 - math.floor(math.log10(size))
    text = f"{size:.{decimals}f}".rstrip("0")
    return f"{sign}${text}" + "0" * max(0, 2 - len(text.partition(".")[2]))


def per_1000_usd(value: float | None) -> str:
    """Write a cost per example as a cost per 1,000."""
    return usd(None if value is None else 1000 * value)


def latency(ms: float | None) -> str:
    """Write milliseconds with a unit: `84 ms`, `1.94 s`, `63.3 s`."""
    if ms is None or not math.isfinite(ms):
        return MISSING
    if ms == 0:
        return "0 ms"
    if ms < 9.95:
        return f"{ms:.1f} ms" if ms >= 0.1 else "<0.1 ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def tokens(value: float | None) -> str:
    """Write a mean number of tokens: `0`, `4.2`, `138`, `12.4k`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.0f}" if value < 9999.5 else f"{value / 1000:.1f}k"


def ratio(value: float | None) -> str:
    """Write how many times more: `1.08x`, `18.8x`, `120x`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 1.995:
        return f"{value:.2f}x"
    return f"{value:.1f}x" if value < 99.95 else f"{value:,.0f}x"


def duration(seconds: float) -> str:
    """Write a run time: `12 s`, `3 min 12 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plain(text: str) -> str:
    """Return foreign text on one line, with control characters (escape codes too) made visible."""
    joined = " ".join(text.split())
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c
        for c in joined
    )


def pieces(name: str) -> list[str]:
    """Split a route name where it may break: after `+`, `,`, `:` and `/`."""
    return re.findall(r"[^+,:/]*[+,:/]|[^+,:/]+", name)


def fold(name: str, width: int) -> list[str]:
    """Break a long route name into lines; continuation lines are indented.

    A single piece longer than `width` characters stays whole.
    """
    lines, line = [], ""
    for piece in pieces(name):
        if line.strip() and len(line + piece) > width:
            lines.append(line)
            line = "    "
        line += piece
    return [*lines, line]
