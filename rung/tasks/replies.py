"""Approved replies of a task: text that people wrote, chosen by a field and filled by code.

`[replies]` of `task.toml` names the field and gives a text for each of its values that may be
answered without a person; a value without a text must go to one. `{name}` in a text is the value of
that field of the answer. No model writes a word of a reply: a fact that is not bound makes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rung.tasks.fields import as_text
from rung.tasks.task import Replies

_SLOT = re.compile(r"\{(\w+)\}")


def compose(replies: Replies, output: Mapping[str, Any] | None) -> str | None:
    """Return the approved text for an answer, None where a person must write.

    That is: no usable answer, a value without an approved text, or a text with a fact that the
    answer does not hold.
    """
    text = replies.texts.get(as_text(output.get(replies.field))) if output is not None else None
    if output is None or text is None:
        return None
    if any(output.get(name) is None for name in slots_of(text)):
        return None
    return _SLOT.sub(lambda match: as_text(output[match[1]]), text)


def slots_of(text: str) -> Iterator[str]:
    """Yield the fields that a text is filled from."""
    return (match[1] for match in _SLOT.finditer(text))
