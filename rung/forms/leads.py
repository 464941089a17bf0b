"""How alternatives begin: which can be told apart by their first characters.

A union becomes a choice only where every alternative starts with a text that no other one shares;
the rest is left to a sub-grammar.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from rung.forms.form import Choice, Const, Node, Object, Repeat, Union, Value
from rung.forms.layout import Layout, json_text
from rung.forms.presence import next_parts

_MAX_CONSTS = 20


def lead(node: Node, layout: Layout, depth: int = 0) -> str:
    """Return the text that every filled `node` starts with, as far as it is fixed."""
    if isinstance(node, Const):
        return json_text(node.value)
    if isinstance(node, Choice):
        return os.path.commonprefix([json_text(value) for value in node.options])
    if isinstance(node, Value):
        return node.opening
    if isinstance(node, Repeat):
        return "["
    if isinstance(node, Union):
        return os.path.commonprefix([lead(arm, layout, depth) for arm in node.arms])
    if not node.parts:
        return layout.empty
    name, part = node.parts[0]
    if name in node.optional:
        return layout.open("{", depth) if len(node.optional) < len(node.parts) else "{"
    text = layout.open("{", depth) + layout.key(name) + lead(part, layout, depth + 1)
    for before, (name, part) in pairwise(node.parts):
        if not isinstance(before[1], Const) or name in node.optional:
            return text
        text += layout.between(depth) + layout.key(name) + lead(part, layout, depth + 1)
    return text


def behind_lead(node: Node, layout: Layout, depth: int, after: Sequence[str]) -> list[str]:
    """Return how a filled `node` may go on behind its `lead`; one of `after` follows it all.

    Nothing is said where the next text is the model's to write.
    """
    size = len(lead(node, layout, depth))
    return [text[size:] for text in _beginnings(node, layout, depth, after or [""])]


def _beginnings(node: Node, layout: Layout, depth: int, after: Sequence[str]) -> list[str]:
    if isinstance(node, Choice):
        return [json_text(value) + text for value in node.options for text in after]
    if isinstance(node, Union):
        return [text for arm in node.arms for text in _beginnings(arm, layout, depth, after)]
    start = lead(node, layout, depth)
    if isinstance(node, Const):
        return [start + text for text in after]
    if isinstance(node, Repeat):
        item = layout.open("[", depth) + lead(node.item, layout, depth + 1)
        return [item] if node.low else [item, *("[]" + text for text in after)]
    if not isinstance(node, Object) or not node.parts or node.parts[0][0] not in node.optional:
        return [start]
    options = next_parts(node, 0, ())
    texts = [
        layout.open("{", depth) + layout.key(node.parts[i][0]) for i in options if i is not None
    ]
    return texts + ([layout.empty + text for text in after] if None in options else [])


def tell_apart(arms: Sequence[Node]) -> bool:
    """Return whether no alternative begins like another one."""
    leads = [lead(arm, Layout()) for arm in arms]
    return all(
        not (other.startswith(one) or one.startswith(other))
        for i, one in enumerate(leads)
        for other in leads[i + 1 :]
    )


def discriminated(arms: Sequence[Node]) -> list[Node]:
    """Return the alternatives with the constant that tells them apart, if any, written first.

    A choice among few values becomes one alternative for each value.
    """
    spread: list[Node] = []
    for arm in arms:
        if isinstance(arm, Choice) and len(arm.values) <= _MAX_CONSTS:
            spread += [Const(path=arm.path, value=value) for value in arm.values]
        else:
            spread.append(arm)
    objects = [arm for arm in spread if isinstance(arm, Object)]
    tag = next((name for name in _tags(objects)), None)
    if tag is None:
        return spread
    return [_tag_first(arm, tag) if isinstance(arm, Object) else arm for arm in spread]


def _tags(objects: Sequence[Object]) -> list[str]:
    """Return the names that are a different constant in each object."""
    if len(objects) < 2:
        return []
    constants: list[dict[str, Any]] = [
        {
            name: json_text(part.value)
            for name, part in node.parts
            if isinstance(part, Const) and name not in node.optional
        }
        for node in objects
    ]
    shared = [name for name in constants[0] if all(name in found for found in constants)]
    return [name for name in shared if len({found[name] for found in constants}) == len(objects)]


def _tag_first(node: Object, tag: str) -> Object:
    parts = sorted(node.parts, key=lambda part: part[0] != tag)
    return replace(node, parts=tuple(parts))
