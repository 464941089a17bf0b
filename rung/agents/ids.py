"""Ids: what in a call's arguments names a record, and what ids of this world look like.

An argument is an id by its name (`card_id`, `ids`), by its description, or by its look: a mail
address, the look of a value that was seen under such a name, or letters, a hyphen and digits. It is
a mail address by its format, its name or its description.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

EMAIL = re.compile(r"\w[\w.+%'-]*@[\w-]+(?:\.[\w-]+)+")
_KEY = re.compile(r"(?i:(?:.*[_.-])?ids?)|.*[a-z0-9](?:Id|ID)s?")
_ABOUT = re.compile(r"(?:the |an? )?(?:[\w-]+ )?(?:id|identifier)s?\b", re.IGNORECASE)
_MAIL_KEY = re.compile(
    r"(?i:(?:.*_)?(?:email|e?mail_address))|.*[a-z]Email|(?:.*[a-z]E|e)?mailAddress"
)
_MAIL_ABOUT = re.compile(
    r"(?:the |an? )?(?:e-?)?mail address(?: of (?:the |an? )?[\w ]+)?", re.IGNORECASE
)
_LOOKS_LIKE_ONE = re.compile(r"[A-Za-z]{2,10}[-_](?!(?:19|20)\d\d$)\d{3,}")
_HEX = re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{6,}", re.IGNORECASE)
_PREFIXED = re.compile(r"(?P<prefix>[A-Za-z][A-Za-z]*[-_#:/]?)(?P<rest>[\w-]*\d[\w-]*)")
_MIN_DIGITS = 6
_EDGES = r"(?<![\w@+%-])(?<!\w\.)(?:{})(?![\w@-])(?!\.\w)"


def is_id_key(name: str) -> bool:
    """Return whether a name is that of an id: `id`, `card_id`, `cardIds`."""
    return _KEY.fullmatch(name) is not None


def id_arguments(parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return the arguments whose name or description says that they are ids."""
    found = set()
    for name, schema in parameters.get("properties", {}).items():
        about = schema.get("description", "") if isinstance(schema, Mapping) else ""
        if is_id_key(name) or _ABOUT.match(str(about)):
            found.add(name)
    return frozenset(found)


def mail_arguments(parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return the arguments that hold one mail address, as their schemas say.

    By `format: email`, by a description that says no more, or, where there is none, by name.
    """
    found = set()
    for name, schema in parameters.get("properties", {}).items():
        part = text_part(schema)
        if part is None:
            continue
        about = str(schema.get("description", "")).strip(" .")
        named = not about and _MAIL_KEY.fullmatch(name) is not None
        if part.get("format") == "email" or named or _MAIL_ABOUT.fullmatch(about):
            found.add(name)
    return frozenset(found)


def text_part(schema: Any) -> Mapping[str, Any] | None:
    """Return the schema of a text, that of one that may also be null included; else None."""
    if not isinstance(schema, Mapping):
        return None
    if schema.get("type") == "string":
        return schema
    if set(schema.get("type", ())) == {"string", "null"} and not isinstance(schema["type"], str):
        return {**schema, "type": "string"}
    arms = [arm for arm in schema.get("anyOf", ()) if arm != {"type": "null"}]
    is_text = len(arms) == 1 and isinstance(arms[0], Mapping) and arms[0].get("type") == "string"
    return arms[0] if is_text else None


def records_named(arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids that stand under arguments of ids, at any depth."""
    ids = id_arguments(parameters)
    named = (one for name, one in leaves(arguments) if name in ids or is_id_key(name))
    return frozenset(map(str, named))


def shape_of(value: str) -> str:
    """Return an expression of ids that look like this one; empty where many other values would."""
    if value.isdigit():
        return rf"\d{{{len(value)}}}" if len(value) >= _MIN_DIGITS else ""
    if match := _PREFIXED.fullmatch(value):
        rest = r"\d+" if match["rest"].isdigit() else r"[\w-]*\d[\w-]*"
        if match["prefix"][-1].isalpha() and rest != r"\d+":
            return rf"[0-9a-fA-F]{{{len(value)}}}" if _HEX.fullmatch(value) else ""
        return re.escape(match["prefix"]) + rest
    return rf"[0-9a-fA-F]{{{len(value)}}}" if _HEX.fullmatch(value) else ""


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the scalars of a value with the name each stands under; a list passes its own on."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item, name)
    elif value is not None and not isinstance(value, bool):
        yield name, value


def ids_under_keys(value: Any) -> Iterator[tuple[str, str]]:
    """Yield what stands under names of ids in a result, as text with the name."""
    for name, leaf in leaves(value):
        if is_id_key(name):
            yield name, str(leaf)


def ids_in(text: str, *, is_id: bool, shapes: Collection[str]) -> list[str]:
    """Return the ids in an argument's text: the whole of it, and those that can be told inside."""
    found = EMAIL.findall(text)
    for shape in sorted(shapes):
        inside = shape[0] != "\\" and shape[0] != "["  # a run of bare digits may be anything
        pattern = re.compile(_EDGES.format(shape), re.IGNORECASE)
        if inside or pattern.fullmatch(text):
            found += pattern.findall(text)
    if is_id:
        found += [part for part in re.split(r"[,;]\s*", text) if part]
    elif not found and _LOOKS_LIKE_ONE.fullmatch(text):
        found.append(text)
    return list(dict.fromkeys(found))


def matches(shape: str, text: str) -> list[str]:
    """Return what looks like an id of a shape and stands in a text by itself, in order."""
    return re.findall(_EDGES.format(shape), text, re.IGNORECASE)


def occurs(value: str, text: str) -> bool:
    """Return whether a value stands in a text by itself, not inside a longer id; both folded."""
    return _by_itself(value).search(text) is not None


def without(value: str, text: str) -> str:
    """Return a text without a value where it stands by itself; both folded."""
    return _by_itself(value).sub(" ", text)


def _by_itself(value: str) -> re.Pattern[str]:
    return re.compile(_EDGES.format(re.escape(value)))
