"""How a filled form looks as text: on one line, indented, or as `key: value` lines.

White space costs no generated token, so the two JSON layouts differ only in what the model is used
to. The compact form without any space is not offered: small models do worse in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_INDENT = "  "


def json_text(value: Any) -> str:
    """Return a JSON value on one line, as every layout writes scalars and constants."""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """JSON with `, ` and `: `, on one line or indented by two spaces."""

    indented: bool = False
    empty: str = "{}"

    def open(self, bracket: str, depth: int) -> str:
        """Return an opening bracket and what stands before the first part."""
        return bracket + self._line(depth + 1)

    def between(self, depth: int) -> str:
        """Return what stands between two parts of an object or array at `depth`."""
        return "," + (self._line(depth + 1) or " ")

    def close(self, bracket: str, depth: int) -> str:
        """Return the closing bracket."""
        return self._line(depth) + bracket

    def key(self, name: str) -> str:
        """Return a key and what stands before its value."""
        return f"{json_text(name)}: "

    def _line(self, depth: int) -> str:
        return "\n" + _INDENT * depth if self.indented else ""
