"""Read an answer that nothing forced: find the object in free text, then bring it to the form.

Tolerant about wrapping (`lenient.py`) and about spelling of names and labels (case, spaces against
underscores); never about meaning: a value outside the schema stays outside, a spelling that fits
two labels fits none. Whether the result is valid is for `violation` to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rung.forms.express import inexpressible
from rung.forms.form import Choice, Const, Form, Node, Object, Repeat, Union, Value
from rung.forms.lenient import find_arrays, find_lines, find_objects, read_literal, read_object
from rung.forms.validity import violation

MAX_TEXT_CHARS = 64_000
_THOUGHT_END = "</think>"
_SEPARATORS = re.compile(r"[\s_\-]+")
_BRACKETED = re.compile(r"\[(?P<inside>[^\[\]]*)\]")
_QUANTITY = re.compile(
    r"[$€£¥]?\s*(?P<number>-?(?:[1-9]\d{0,2}(?:,\d{3})+|0|[1-9]\d*)(?:\.\d+)?)"
    r"\s*(?P<unit>[^\W\d_]{0,12})\.?"
)
_FACTORS = frozenset({
    "k", "m", "mm", "mn", "mio", "mil", "b", "bn", "mrd", "dozen", "hundred", "thousand", "million",
    "millions", "billion", "billions", "trillion", "lakh", "crore", "percent", "pct",
})  # fmt: skip
"""Units that may stand for a multiple of the number."""
_FENCED = re.compile(r"```[^\n`]*\n(?P<inside>.*?)\n?```", re.DOTALL)


def parse_answer(text: str, form: Form, *, cut: bool = False) -> Any:
    """Return the best reading of `text` as the form's object, or None when nothing was found.

    Of several readings the first valid one is taken, else the first of those with most fields.
    The last line of a text that was `cut` is not read as one: a number in it may go on.
    The result is JSON but not necessarily valid: ask `violation`.
    """
    text = text[:MAX_TEXT_CHARS]
    if not isinstance(form.root, Object):
        return _read_any(text.rpartition(_THOUGHT_END)[2].strip(), form, cut)
    whole = read_object(text)
    if whole == {} and not violation(whole, form):
        return whole
    if whole is not None:
        return _best(_readings(form.root, whole), form)
    thought, mark, answer = text.rpartition(_THOUGHT_END)
    return _best(_search(answer, form, cut), form) or (
        _best(_search(thought, form, False), form) if mark else None
    )


def _read_any(text: str, form: Form, cut: bool) -> Any:
    """Return the value of a form that is no object: JSON in the text, or the text's words."""
    fenced = _FENCED.fullmatch(text)
    is_text = isinstance(form.root, Value) and form.root.kind == "text"
    for found in _values_in(fenced["inside"] if fenced else text, whole=is_text or not cut):
        value = _fit_value(form.root, found)
        if not violation(value, form):
            return value
    return next(find_objects(text), None)


def _values_in(text: str, *, whole: bool) -> Iterator[Any]:
    """Yield what a text may hold; the `whole` of it is a value too, as JSON or as words."""
    if whole:
        with suppress(ValueError):
            yield read_literal(text)
    yield from find_objects(text)
    yield from find_arrays(text)
    if whole:
        with suppress(ValueError):
            yield read_literal(json.dumps(text))


def _search(text: str, form: Form, cut: bool) -> Iterator[dict[str, Any]]:
    root = form.root
    assert isinstance(root, Object)
    for found in find_objects(text):
        yield from _readings(root, found)
    yield _fit(root, find_lines(text.rpartition("\n")[0] if cut else text))


def _readings(root: Object, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the object itself, or the objects it wraps when none of its names is the form's."""
    fitted = _fit(root, found)
    if fitted:
        yield fitted
        return
    for inner in found.values():
        if isinstance(inner, dict):
            yield _fit(root, inner)


def _best(readings: Iterator[dict[str, Any]], form: Form) -> dict[str, Any] | None:
    found = []
    for reading in readings:
        if reading and not violation(reading, form):
            return reading
        found.append(reading)
    return max(found, key=len, default=None) or None


def _fit(node: Object, found: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the form's names, in its order; bring each value to its slot's type where it reads so.

    A constant nobody asked for is added; without any other name there is no reading.
    """
    spelled = _by_spelling(list(found), _name)
    names = _by_spelling([name for name, _ in node.parts], _name)
    fitted: dict[str, Any] = {}
    matched = False
    for name, part in node.parts:
        spelling = _name(name)
        own = names.get(spelling) == name
        key = name if name in found else spelled.get(spelling) if own else None
        if key is not None:
            matched = True
            fitted[name] = _fit_value(part, found[key])
        elif isinstance(part, Const) and name not in node.optional:
            fitted[name] = part.value
    return fitted if matched else {}


def _by_spelling(items: Sequence[Any], spell: Any) -> dict[str, Any]:
    """Return the items by their spelling, without those whose spelling is not theirs alone."""
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(spell(item), []).append(item)
    return {spelling: same[0] for spelling, same in found.items() if len(same) == 1}


def _name(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()


def _label(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return _SEPARATORS.sub("_", text.strip(" .\"'`*").casefold())


def _fit_value(node: Node, value: Any) -> Any:
    if isinstance(node, Object):
        return _fit(node, value) if isinstance(value, dict) else value
    if isinstance(node, Repeat):
        return [_fit_value(node.item, item) for item in value] if isinstance(value, list) else value
    if isinstance(node, Union):
        return _fit_arm(node, value)
    if isinstance(node, Choice | Const):
        return _fit_label(node.values if isinstance(node, Choice) else (node.value,), value)
    if value is None or isinstance(value, dict) or node.kind == "json":
        return value
    if isinstance(value, str) and node.kind != "text" and _label(value) in ("null", "none"):
        return None
    if node.kind == "list":
        return _fit_list(node, value)
    if isinstance(value, str) and node.kind == "number":
        return _quantity(value)
    if node.kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    return value


def _fit_arm(node: Union, value: Any) -> Any:
    """Return the value as the alternative has it that reads most of it; as it is where two do."""
    fitted = [(arm, _fit_value(arm, value)) for arm in node.arms]
    fits = [(_num_read(arm, one), one) for arm, one in fitted if not inexpressible(arm, one)]
    most = max((count for count, _ in fits), default=0)
    best = [one for count, one in fits if count == most]
    return best[0] if len(best) == 1 else value


def _num_read(arm: Node, value: Any) -> int:
    """Return how many names of an object were read, not added."""
    parts = arm.parts if isinstance(arm, Object) else ()
    return sum(name in value and not isinstance(part, Const) for name, part in parts)


def _fit_list(node: Value, value: Any) -> Any:
    if isinstance(value, str):
        inner = _BRACKETED.fullmatch(value.strip())
        if not inner and set(value) & set("[]{}"):
            return value
        items = re.split("[,;]", inner["inside"] if inner else value)
        value = [item for item in (item.strip(" \"'`") for item in items) if item]
    items = value if isinstance(value, list) else [value]
    return [_fit_value(node.item, item) for item in items] if node.item else items


def _fit_label(values: Sequence[Any], value: Any) -> Any:
    for option in values:
        if option == value and isinstance(option, bool) == isinstance(value, bool):
            return option
    if isinstance(value, dict | list):
        return value
    aliases = {"yes": True, "no": False, "none": None}
    named = {alias: one for alias, one in aliases.items() if any(one is v for v in values)}
    return (named | _by_spelling(values, _label)).get(_label(value), value)


def _quantity(text: str) -> Any:
    """Return the number of a text like `12`, `$1,200.50` or `3 kg`, or the text itself."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match["unit"].casefold() in _FACTORS:
        return text
    try:
        return read_literal(match["number"].replace(",", ""))
    except ValueError:
        return text
