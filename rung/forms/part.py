"""The schema of some fields of a form, to have them answered by themselves.

Rules that tie fields together are left out: they can be checked only when the parts are one answer
again, and whoever takes a form apart must do so. It does not look into the fields.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rung.core.errors import FormError

_KEPT = frozenset(
    ("$comment", "$defs", "$id", "$schema", "additionalProperties", "default", "definitions",
     "description", "examples", "title", "type")
)  # fmt: skip
"""Keywords of an object, besides its properties, that tie none of them to another."""


def part_of(schema: Any, names: Collection[str]) -> dict[str, Any]:
    """Return the schema with these fields only. Raises FormError where it does not list them."""
    properties = schema.get("properties", {})
    if hidden := [name for name in names if name not in properties]:
        raise FormError(
            f"the field {hidden[0]!r} cannot be answered apart from the others",
            hint="its schema must stand in the form's own properties",
        )
    kept = {keyword: value for keyword, value in schema.items() if keyword in _KEPT}
    required = [name for name in schema.get("required", ()) if name in names]
    chosen = {name: value for name, value in properties.items() if name in names}
    return {**kept, "properties": chosen, "required": required}
