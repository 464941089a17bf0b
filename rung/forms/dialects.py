"""The drafts of JSON Schema as strict `jsonschema` validators: which one judges a schema.

Each is the library's class with the keywords of `keywords.py` and `unevaluated.py`, the formats of
`formats.py` always asserted, and nothing fetched: besides the schema itself only the published
metaschemas can be referred to. 2019-09 and 2020-12 still know `dependencies`, draft 7 asserts
`contentEncoding` and `contentMediaType`. A `$schema` that is not one of the drafts means 2020-12.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jsonschema
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import specification_with

from rung.forms.formats import FORMATS
from rung.forms.keywords import CONTENT, DEPENDENCIES, JUDGED, Keyword, Unjudged
from rung.forms.unevaluated import UNEVALUATED

MAX_STEPS = 200_000
"""Subschemas applied in one judgement; a few lines of schema can ask for billions."""
_SPARE_FRAMES = 150
_steps: ContextVar[Iterator[int] | None] = ContextVar("steps", default=None)
_LATEST: Any = jsonschema.Draft202012Validator
_EXTRA: dict[Any, dict[str, Keyword]] = {
    jsonschema.Draft3Validator: {},
    jsonschema.Draft4Validator: {},
    jsonschema.Draft6Validator: {},
    jsonschema.Draft7Validator: CONTENT,
    jsonschema.Draft201909Validator: DEPENDENCIES,
    jsonschema.Draft202012Validator: DEPENDENCIES,
}
_EMPTY: Any = Registry()


def draft_of(schema: Any, default: Any = _LATEST) -> Any:
    """Return the `jsonschema` class of the draft that `$schema` names."""
    declared = schema.get("$schema") if isinstance(schema, Mapping) else None
    return _DRAFT_OF.get(_name(declared), default) if isinstance(declared, str) else default


def validator_of(schema: Any) -> Any:
    """Return a strict validator of the schema's own draft, 2020-12 when it names none.

    Where something cannot be judged it raises; `violations` reports that as a violation.
    """
    return _STRICT[draft_of(schema)](schema, registry=_EMPTY, format_checker=FORMATS)


@contextmanager
def limited() -> Iterator[None]:
    """Give up, by raising Unjudged, a judgement that takes more than MAX_STEPS."""
    token = _steps.set(iter(range(MAX_STEPS)))
    try:
        yield
    finally:
        _steps.reset(token)


def _name(uri: str) -> str:
    return uri.removeprefix("https:").removeprefix("http:").rstrip("#")


def _strict(draft: Any) -> Any:
    """Return the strict class of a draft."""
    replaced = {k: v for k, v in (JUDGED | UNEVALUATED).items() if k in draft.VALIDATORS}
    found = extend(draft, {**replaced, **_EXTRA[draft]})
    found.evolve = _evolve
    return found


def _evolve(self: Any, **changes: Any) -> Any:
    """Return the validator of a subschema, of its own draft and inside its own base URI.

    The library's own method would go over to its lenient class where a subschema names its draft,
    and would look up references from the base URI outside.
    """
    _demand_room()
    schema = changes.get("schema", self.schema)
    draft = draft_of(schema, None)
    kind = _STRICT[draft] if draft else type(self)
    resolver = changes.get("_resolver")
    if resolver is None:
        resolver = self._resolver
        if isinstance(schema, Mapping) and schema is not self.schema:
            resolver = resolver.in_subresource(_resource(schema, kind))
    return kind(
        schema,
        format_checker=changes.get("format_checker", self.format_checker),
        registry=self._registry,
        _resolver=resolver,
    )


def _demand_room() -> None:
    """Raise Unjudged where steps or stack run out.

    A RecursionError would come too late: below `referencing` it can end the process.
    """
    steps = _steps.get()
    if steps is not None and next(steps, None) is None:
        raise Unjudged("$schema", f"the schema asks for more than {MAX_STEPS} steps")
    try:
        sys._getframe(sys.getrecursionlimit() - _SPARE_FRAMES)
    except ValueError:
        return
    raise Unjudged("$ref", "judging it goes too deep: the schema refers to itself without end")


def _resource(schema: Any, kind: Any) -> Any:
    make: Any = Resource
    return make(contents=schema, specification=_SPECIFICATIONS[kind])


_DRAFT_OF = {_name(draft.ID_OF(draft.META_SCHEMA)): draft for draft in _EXTRA}
_STRICT = {draft: _strict(draft) for draft in _EXTRA}
_SPECIFICATIONS = {
    kind: specification_with(draft.ID_OF(draft.META_SCHEMA)) for draft, kind in _STRICT.items()
}
