"""About how many tokens a text is, by no model's tokenizer.

What an agent is shown must not depend on the engine that reads it, or a route's text would change
with its model and training would see another text than serving. So budgets of history count this
estimate; the engine's own limit is checked by the engine.
"""

from __future__ import annotations

import re

_PIECES = re.compile(r"[^\W\d_]{1,6}|\d|[^\w\s]|_|\n|[^\S\n]{2,}")
_CUT = "… ({} characters more)"


def estimate_tokens(text: str) -> int:
    """Return the estimate: digits and signs one each, words one for each six letters."""
    return sum(1 for _ in _PIECES.finditer(text))


def clip(text: str, max_tokens: int) -> str:
    """Return the text, or its start of about `max_tokens` with how many characters are left out.

    The cut is between words where there is one near, so that no id or number is halved.
    """
    at = 0
    for count, piece in enumerate(_PIECES.finditer(text)):
        if count == max_tokens:
            at = piece.start()
            break
    else:
        return text
    space = max(text.rfind(sign, 0, at) for sign in " \n")
    at = space if space > at // 2 else at
    return text[:at].rstrip() + _CUT.format(len(text) - at)
