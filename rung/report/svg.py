"""Inline SVG in a few functions: elements, scales, ticks, and labels that do not overlap.

Colours are class names that the report's style sheet defines for light and dark; nothing here
names a colour, loads a font or refers to anything outside the page. Text is escaped by `tag`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

CHAR_WIDTH = 0.6
"""Width of an average character of the report's font, in font sizes; generous on purpose."""
LABEL_SIZE = 12.0
"""Font size of labels in user units, as the style sheet sets it."""


def tag(name: str, *inside: str, text: str = "", **attributes: object) -> str:
    """Return one element; `text` is escaped, `inside` is SVG already; `_` in names becomes `-`."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{shown}>{escape(text)}{''.join(inside)}</{name}>"


def _attribute(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def picture(name: str, *inside: str, width: float, height: float, title: str, desc: str) -> str:
    """Return a whole drawing with its text alternative; `name` must be unique in the page."""
    return tag(
        "svg",
        tag("title", text=title, id=f"{name}-title"),
        tag("desc", text=desc, id=f"{name}-desc"),
        *inside,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
    )


def text_width(text: str) -> float:
    """Estimate the width of a label in user units."""
    return len(text) * CHAR_WIDTH * LABEL_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps values to user units, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of a value; values outside are drawn at the edge."""
        inside = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def log_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """Return a log scale around positive values, at least one decade wide."""
    low, high = min(values) / 1.5, max(values) * 1.5
    widen = max(1.0, 10 / (high / low)) ** 0.5
    return Scale(low=low / widen, high=high * widen, start=start, end=end, log=True)


def ticks(scale: Scale, most: int = 8) -> list[float]:
    """Return at most about `most` round values inside the scale."""
    return _log_ticks(scale, most) if scale.log else _linear_ticks(scale, most)


def _linear_ticks(scale: Scale, most: int) -> list[float]:
    rough = (scale.high - scale.low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _log_ticks(scale: Scale, most: int) -> list[float]:
    low, high = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    every = max(1, math.ceil((high - low) / most))
    for marks in ((1, 2, 5), (1, 3), (1,)):
        found = [
            mark * 10.0**power
            for power in range(low, high + 1, 1 if len(marks) > 1 else every)
            for mark in marks
        ]
        inside = [value for value in found if scale.low <= value <= scale.high]
        if len(inside) <= most:
            return inside
    return inside


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text to place near a point."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a label goes: its box, and whether it is far enough to need a leader line."""

    label: Label
    box: Box
    far: bool


def place_labels(labels: Sequence[Label], obstacles: Sequence[Box], area: Box) -> list[Placed]:
    """Place each label at the free spot nearest to its point, inside `area`.

    Greedy in the given order: rings of growing distance around the point, right side first. A
    label for which no spot is free takes the one that covers least.
    """
    taken = list(obstacles)
    placed = []
    for label in labels:
        best, cost = None, math.inf
        for distance, box in _spots(label):
            if not _contains(area, box):
                continue
            covered = sum(_overlap(box, other) for other in taken)
            if covered * 1000 + distance < cost:
                best, cost = (distance, box), covered * 1000 + distance
            if covered == 0:
                break
        distance, box = best or next(iter(_spots(label)))
        taken.append(box)
        placed.append(Placed(label=label, box=box, far=distance > 22))
    return placed


def _spots(label: Label) -> list[tuple[float, Box]]:
    width, height = text_width(label.text), LABEL_SIZE * 1.25
    found = []
    for distance in (10.0, 14.0, 20.0, 28.0, 38.0, 50.0, 64.0, 80.0, 100.0, 124.0):
        for angle in (0, 180, -90, 90, -35, 35, -145, 145, -65, 65, -115, 115):
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            x, y = label.x + distance * dx, label.y + distance * dy
            left = x - width / 2 * (1 - (abs(dx) > 0.3) * math.copysign(1, dx))
            top = y - height / 2 * (1 - dy)
            found.append((distance, (left, top, left + width, top + height)))
    return found


def _contains(area: Box, box: Box) -> bool:
    return box[0] >= area[0] and box[1] >= area[1] and box[2] <= area[2] and box[3] <= area[3]


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0
