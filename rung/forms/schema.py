"""Compile a JSON Schema (draft 4 to 2020-12) or a pydantic model into a form.

Structure becomes structure: objects with known properties, optional ones decided, enumerations and
constants, numbers, dates, patterns, text, lists, arrays of objects, references, null, alternatives
that begin differently (`compiler.py`). What no structure can hold becomes a slot with a sub-grammar
(`json`), and what no grammar can hold is checked when the form is filled and listed in
`Form.checked`. A schema without any value, or with a reference that leads nowhere, is refused by
keyword and path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema

from rung.core.errors import FormError
from rung.core.hashing import content_hash
from rung.forms.compiler import Compiler
from rung.forms.form import Form, Style
from rung.forms.lines import check_lines
from rung.forms.normal import normalise, place_of, unable
from rung.forms.validity import MAX_JSON_DEPTH, draft_of, json_depth, malformed


def compile_form(schema: Mapping[str, Any] | bool | type, *, style: Style = "json") -> Form:
    """Return the form of a JSON Schema or a pydantic model class.

    Raises FormError naming the keyword and the path of what cannot be expressed.
    """
    return _compile(_text_of(schema_of(schema)), style)


def schema_of(schema: Mapping[str, Any] | bool | type) -> Any:
    """Return a plain JSON Schema from a mapping, a boolean or a pydantic model class."""
    if isinstance(schema, bool):
        return schema
    if isinstance(schema, Mapping):
        return dict(schema)
    if not isinstance(schema, type):
        raise FormError(f"a schema is a JSON object, not {type(schema).__name__}")
    from pydantic import BaseModel
    from pydantic.errors import PydanticUserError

    if not issubclass(schema, BaseModel):
        raise FormError(f"{schema.__name__} is not a pydantic model", hint="subclass BaseModel")
    try:
        return schema.model_json_schema()
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise FormError(f"{schema.__name__} has no JSON Schema: {reason}") from None


def _text_of(schema: Any) -> str:
    """Return the schema as JSON would carry it, so that a copy means the same everywhere."""
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
        text.encode()
        plain = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise unable("", "$schema", f"the schema is not JSON: {error}") from None
    if json_depth(plain) > MAX_JSON_DEPTH:
        raise unable("", "$schema", f"it is nested deeper than {MAX_JSON_DEPTH} levels")
    return text


@lru_cache(maxsize=64)
def _compile(text: str, style: Style) -> Form:
    source = json.loads(text)
    kind = draft_of(source)
    if kind is jsonschema.Draft3Validator:
        raise unable("", "$schema", "draft 3 is not supported", hint="use draft 2020-12")
    if (problem := malformed(source)) is not None:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in problem.path)
        path, keyword = place_of(problem.path)
        raise FormError(
            f"${where}: not a JSON Schema: {problem.message}", path=path or "$", keyword=keyword
        )
    compiler = Compiler(normalise(source, kind))
    root = compiler.root()
    if style == "lines":
        check_lines(root)
    return Form(
        root=root,
        schema=source,
        hash=content_hash(["form-3", text, style]),
        style=style,
        checked=tuple(dict.fromkeys(compiler.checked)),
        narrowed=tuple(dict.fromkeys(compiler.narrowed)),
    )
