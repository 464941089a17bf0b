"""What every verb prints with: JSON to stdout, talk to stderr, exit codes of verdicts."""

from __future__ import annotations

import json
import sys
from typing import Any

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
