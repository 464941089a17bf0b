"""Words folded into a column of a table: between words, else behind the marks that join them."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells

_PIECE = re.compile(r"[^_./:,-]+[_./:,-]*|[_./:,-]+")


def fold_words(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` cells; only a piece that is longer is cut."""
    lines, line = [], ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *whole, line = _broken(word, width)
        lines += whole
    return [*lines, line]


def _broken(word: str, width: int) -> list[str]:
    lines = [""]
    for piece in _PIECE.findall(word):
        if cell_len(lines[-1] + piece) <= width:
            lines[-1] += piece
        else:
            lines += chop_cells(piece, width)
    return [line for line in lines if line]
