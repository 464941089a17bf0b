"""What every verb shares: JSON to stdout, talk to stderr, the options that several verbs take."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object (or JSONL).")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Examples per split; 0: all.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of every draw.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the estimate and stop.")]

EXIT = {"promote": 0, "hold": 3, "reject": 4}


def print_json(value: Any) -> None:
    """Print one JSON document on one line."""
    print(json.dumps(value, ensure_ascii=False))


def say(text: str) -> None:
    """Tell the person at the terminal something; never part of the data."""
    print(text, file=sys.stderr)


def console(*, stderr: bool = False) -> Any:
    """Return a rich console on stdout or stderr."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
