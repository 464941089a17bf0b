"""The words `did you mean` and short quotes of a user's value, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

_MAX_SHOWN = 60
_MAX_LISTED = 12


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the closest known word, else the list of known words."""
    names = list(known)
    listed = f"known: {listing(names)}" if names else "none is defined"
    return closest(word, names) or listed


def closest(word: object, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the closest known word, else nothing."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(str(word).casefold(), list(folded), n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]!r}?" if close else ""


def listing(names: Iterable[object]) -> str:
    """Return names joined by commas, cut after the first dozen."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - _MAX_LISTED} more" if len(shown) > _MAX_LISTED else ""
    return ", ".join(shown[:_MAX_LISTED]) + more


def quote(value: Any) -> str:
    """Return `repr(value)` on one line, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
