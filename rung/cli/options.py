"""The arguments and options that several verbs take, and how every verb reads a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rung.core.errors import ConfigError
from rung.core.spelling import quote

MOST = 1_000_000_000
"""Of a count, or of US dollars."""
MOST_MINUTES = 100_000


def number(flag: str, low: float, high: float, about: str, **others: Any) -> Any:
    """Return the option of a number from `low` to `high`."""
    read = reader(flag, float, low, high)
    return typer.Option(
        flag, parser=read, min=low, max=high, help=about, **{"metavar": "X"} | others
    )


def whole(flag: str, low: int, high: int, about: str, **others: Any) -> Any:
    """Return the option of a whole number from `low` to `high`."""
    read = reader(flag, int, low, high)
    return typer.Option(
        flag, parser=read, min=low, max=high, help=about, **{"metavar": "N"} | others
    )


def reader(
    flag: str, kind: type[int] | type[float], low: float, high: float
) -> Callable[[Any], float]:
    """Return what reads an option's value; its ConfigError names option, value and bounds."""

    def read(given: Any) -> float:
        try:
            value: float = kind(given)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise ConfigError(
                f"{flag} is {quote(given)}, not {what} from {low:,.10g} to {high:,.10g}"
            )
        return value

    return read


TaskName = Annotated[str, typer.Argument(help="Task.")]
RouteName = Annotated[str, typer.Argument(help="Measured route, by name or hash.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object (or JSONL).")]
Limit = Annotated[int, whole("--limit", 0, MOST, "Examples per split; 0: all.")]
Seed = Annotated[int, whole("--seed", 0, 2**32 - 1, "Seed of every draw.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the estimate and stop.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write it as one HTML page here.")]
