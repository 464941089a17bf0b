"""JSON Schemas that arguments of several tools share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ID: dict[str, Any] = {"pattern": r"^[0-9]{8}$", "description": "8 digits"}
DAY: dict[str, Any] = {"pattern": r"^\d{4}-\d{2}-\d{2}$", "description": "YYYY-MM-DD"}
DAY_OR_MONTH: dict[str, Any] = {
    "pattern": r"^\d{4}-\d{2}(-\d{2})?$",
    "description": "YYYY-MM-DD, or a whole month: YYYY-MM",
}
FROM_DAY: dict[str, Any] = {**DAY, "description": "first day, YYYY-MM-DD, inclusive"}
TO_DAY: dict[str, Any] = {**DAY, "description": "last day, YYYY-MM-DD, inclusive"}
MOMENT: dict[str, Any] = {
    "pattern": r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$",
    "description": "YYYY-MM-DD HH:MM:SS",
}
ADDRESS: dict[str, Any] = {"pattern": r"^[^@\s]+@[^@\s]+$", "description": "mail address"}


def text(about: str) -> dict[str, Any]:
    """Return the schema of free text."""
    return {"description": about}


def choice(values: Sequence[str], about: str = "") -> dict[str, Any]:
    """Return the schema of a closed list."""
    return {"enum": list(values), "description": about} if about else {"enum": list(values)}
