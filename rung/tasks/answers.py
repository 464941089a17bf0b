"""What an answer may be: the task's JSON Schema, checked, and the kind of each field.

Validity is judged where forms judge it (`rung.forms.validity`), so that no target is accepted that
no route could give. How a form writes an answer is no business of this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import jsonschema
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from rung.core.errors import TaskError
from rung.core.hashing import canonical_json
from rung.core.spelling import did_you_mean, quote
from rung.forms.validity import Violation, violations
from rung.tasks.lines import parse_json, read_lines

Kind = Literal["label", "boolean", "number", "array", "object", "code", "text", "any"]
"""`label` has an enum or const, `code` is a string with a format or pattern, `text` is free."""

_MAX_REFERENCES = 32
_MAX_REMEMBERED = 10_000
"""Valid targets kept, so that a label is checked once and not once a row."""
_TYPES: dict[str, Kind] = {
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "array": "array",
    "object": "object",
}


class Answers:
    """The answers one schema allows. Raises TaskError when the schema itself is unusable."""

    def __init__(self, schema: Any, where: str = "the schema") -> None:
        if not isinstance(schema, dict):
            raise TaskError(f"{where}: a JSON Schema is an object, not {quote(schema)}")
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise TaskError(
                f"{where}: not a JSON Schema: {error.json_path}: {error.message}"
            ) from None
        self.schema: dict[str, Any] = schema
        root = resolve(schema, schema)
        properties = root.get("properties")
        if root.get("type", "object") != "object" or not isinstance(properties, dict):
            raise TaskError(
                f"{where}: the root must be an object with properties, its type is "
                f"{quote(root.get('type'))}",
                hint='wrap it: {"type": "object", "properties": {"answer": …}}',
            )
        if not properties:
            raise TaskError(f"{where}: it has no properties", hint="add one field per answer")
        self.fields: dict[str, dict[str, Any]] = {
            name: resolve(schema, node) for name, node in properties.items()
        }
        self.required = frozenset(root.get("required", []))
        self._explainer = kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)
        self._valid: set[str] = set()

    def check(self, target: Any, where: str) -> None:
        """Raise TaskError naming `where`, the JSON path and the value unless `target` is valid."""
        key = canonical_json(target)
        if key in self._valid:
            return
        if problems := violations(target, self.schema):
            raise self._refusal(target, where, problems[0])
        if len(self._valid) < _MAX_REMEMBERED:
            self._valid.add(key)

    def _refusal(self, target: Any, where: str, problem: Violation) -> TaskError:
        """Return the error of an invalid target, in the words of the library where it sees it."""
        try:
            error = best_match(self._explainer.iter_errors(target))
        except Unresolvable as missing:
            return TaskError(
                f"{where}: the schema refers to {missing.ref!r}, which is not part of it",
                hint="inline remote references",
            )
        if error is None:
            path = "".join(f".{key}" for key in problem.path)
            return TaskError(f"{where}: target ${path}: {problem.message}")
        return TaskError(f"{where}: target {_explain(error)}", hint=_suggest(error))

    def kind(self, field: str) -> Kind:
        """Return the kind of one top-level field."""
        return kind_of(self.fields[field])

    def values(self, field: str) -> Sequence[Any]:
        """Return every value that a label or boolean may have; none for fields of other kinds."""
        node = self.fields[field]
        if self.kind(field) == "boolean":
            return (True, False)
        listed: Sequence[Any] = [node["const"]] if "const" in node else node.get("enum", [])
        return listed


def read_answers(path: Path) -> Answers:
    """Read a JSON Schema file."""
    text = "".join(line for _, line in read_lines(path))
    return Answers(parse_json(text, f"reading {path}"), where=f"reading {path}")


def resolve(schema: Mapping[str, Any], node: Any) -> dict[str, Any]:
    """Return `node` with local references followed and a lone non-null alternative taken."""
    for _ in range(_MAX_REFERENCES):
        if not isinstance(node, Mapping):
            return {}
        if isinstance(reference := node.get("$ref"), str) and reference.startswith("#"):
            node = _look_up(schema, reference) | {k: v for k, v in node.items() if k != "$ref"}
            continue
        inner = _only_branch(node)
        if inner is None:
            return dict(node)
        node = inner
    return {}


def kind_of(node: Mapping[str, Any]) -> Kind:
    """Return the kind of a resolved schema node; null in a type list is ignored."""
    if "enum" in node or "const" in node:
        return "label"
    types = node.get("type")
    names = [types] if isinstance(types, str) else [t for t in types or [] if t != "null"]
    if len(names) != 1:
        return "any"
    if names[0] == "string":
        return "code" if "format" in node or "pattern" in node else "text"
    return _TYPES.get(names[0], "any")


def _look_up(schema: Mapping[str, Any], reference: str) -> dict[str, Any]:
    node: Any = schema
    for part in reference.lstrip("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, Mapping) else None
    return dict(node) if isinstance(node, Mapping) else {}


def _only_branch(node: Mapping[str, Any]) -> Any:
    for keyword in ("anyOf", "oneOf", "allOf"):
        branches = node.get(keyword)
        if isinstance(branches, list):
            rest = [b for b in branches if not (isinstance(b, Mapping) and b.get("type") == "null")]
            return rest[0] if len(rest) == 1 else None
    return None


def _explain(error: Any) -> str:
    if error.validator == "enum":
        return f"{error.json_path} = {quote(error.instance)} is not one of the enum"
    if error.validator in ("required", "additionalProperties"):
        return f"{error.json_path}: {error.message}"
    return f"{error.json_path} = {quote(error.instance)}: {error.message}"[:300]


def _suggest(error: Any) -> str:
    if error.validator != "enum":
        return ""
    return did_you_mean(error.instance, [str(value) for value in error.validator_value])
