"""What filling a form will take, before anything is filled: what is forced, chosen, generated.

Estimates are stated as such: text is taken to use a third of its limit, a list two items. The floor
on passes is exact for engines that decide token by token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.forms.form import Choice, Const, Form, Node, Note, Object, Repeat, Union, Value
from rung.forms.layout import Layout, json_text

How = Literal["force", "choose", "generate", "repeat", "branch", "decide"]
_NUMBER_TOKENS = 3
_DATE_TOKENS = 8
_LIST_TOKENS = 10
_JSON_TOKENS = 20
_CHARS_PER_TOKEN = 4
_REASONS = ("reason", "explanation", "rationale", "thought", "justification", "analysis", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """One part of a form, in writing order."""

    path: str
    how: How
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one filling takes, by the tokens of one model."""

    forced_tokens: int
    output_tokens: int
    passes: int
    min_passes: int
    """One for each decision that can be made, if every value were one token."""


def outline(form: Form) -> list[PlanLine]:
    """Return what the form does, part by part."""
    return list(_lines(form.root))


def _lines(node: Node) -> Iterator[PlanLine]:
    path = node.path or "$"
    if isinstance(node, Const):
        yield PlanLine(path=path, how="force", what=json_text(node.value))
    elif isinstance(node, Choice):
        yield PlanLine(path=path, how="choose", what=json_text(list(node.options)))
    elif isinstance(node, Value):
        extra = ", word for word from the input" if node.extractive else ""
        yield PlanLine(path=path, how="generate", what=node.hint + extra)
    elif isinstance(node, Object):
        if node.optional:
            names = [name for name, _ in node.parts if name in node.optional]
            yield PlanLine(path=path, how="decide", what=f"whether to write {', '.join(names)}")
        for _, part in node.parts:
            yield from _lines(part)
    elif isinstance(node, Repeat):
        most = "any number" if node.high is None else node.high
        yield PlanLine(path=path, how="repeat", what=f"from {node.low} to {most} items")
        yield from _lines(node.item)
    else:
        yield PlanLine(path=path, how="branch", what=f"one of {len(node.arms)} shapes")
        for arm in node.arms:
            yield from _lines(arm)


def skeleton(form: Form) -> str:
    """Return the form's text with every slot as `‹path›`, optional parts included."""
    return _skeleton(form.root, Layout(indented=form.style == "indented"), 0)


def _skeleton(node: Node, layout: Layout, depth: int) -> str:
    if isinstance(node, Const):
        return json_text(node.value)
    if isinstance(node, Choice | Value):
        return f"‹{node.path or '$'}›"
    if isinstance(node, Repeat):
        item = _skeleton(node.item, layout, depth + 1)
        return layout.open("[", depth) + item + ", …" + layout.close("]", depth)
    if isinstance(node, Union):
        return " | ".join(_skeleton(arm, layout, depth) for arm in node.arms)
    parts = [layout.key(n) + _skeleton(part, layout, depth + 1) for n, part in node.parts]
    if not parts:
        return layout.empty
    return layout.open("{", depth) + layout.between(depth).join(parts) + layout.close("}", depth)


def estimate(form: Form, count_tokens: Callable[[str], int]) -> Estimate:
    """Return what filling takes when `count_tokens` counts a model's tokens."""
    slots = list(form.slots())
    spent = [_slot_tokens(slot) for slot in slots]
    fixed = skeleton(form)
    for slot in slots:
        fixed = fixed.replace(f"‹{slot.path or '$'}›", " ")
    presence = sum(line.how in ("decide", "repeat", "branch") for line in outline(form))
    return Estimate(
        forced_tokens=count_tokens(fixed),
        output_tokens=sum(spent) + presence,
        passes=sum(spent) + presence,
        min_passes=len(slots) + presence,
    )


def _slot_tokens(slot: Choice | Value) -> int:
    if isinstance(slot, Choice):
        depths = _decisions([json_text(option) for option in slot.options])
        return max(1, round(sum(depths) / len(depths)))
    if slot.kind == "text":
        return max(2, slot.max_chars // 3 // _CHARS_PER_TOKEN)
    sizes = {"number": _NUMBER_TOKENS, "date": _DATE_TOKENS, "list": _LIST_TOKENS}
    return sizes.get(slot.kind, _JSON_TOKENS)


def _decisions(texts: Sequence[str]) -> list[int]:
    """Return for each option at how many words it differs from one that began like it."""
    rows = [tuple(text.replace("_", " _").split()) for text in texts]
    begun: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for words in rows:
        for i in range(len(words) + 1):
            begun.setdefault(words[:i], set()).add(words[: i + 1])
    return [sum(len(begun[words[:i]]) > 1 for i in range(len(words))) for words in rows]


def lint(form: Form) -> list[Note]:
    """Return warnings on the order of fields: a reason written behind the answer explains nothing.

    Tam et al. 2024 (arXiv 2408.02442, section 4) trace losses in JSON mode to such an order.
    """
    return list(_lint(form.root))


def _lint(node: Node) -> Iterator[Note]:
    if isinstance(node, Object):
        answered = ""
        for name, part in node.parts:
            is_reason = any(word in name.casefold() for word in _REASONS)
            if is_reason and answered and isinstance(part, Value) and part.kind == "text":
                yield Note(
                    path=part.path,
                    keyword="properties",
                    reason=f"it is written after {answered!r}, which it should explain: put it"
                    ' first, or list the names in "x-rung": {"order": […]}',
                )
            if isinstance(part, Choice) or (isinstance(part, Value) and part.kind != "text"):
                answered = name
            yield from _lint(part)
    elif isinstance(node, Repeat):
        yield from _lint(node.item)
    elif isinstance(node, Union):
        for arm in node.arms:
            yield from _lint(arm)


def to_json(form: Form) -> dict[str, Any]:
    """Return the form as a plain JSON object."""
    return {
        "hash": form.hash,
        "style": form.style,
        "skeleton": skeleton(form),
        "parts": [{"path": x.path, "how": x.how, "what": x.what} for x in outline(form)],
        "checked": [_note(note) for note in form.checked],
        "narrowed": [_note(note) for note in form.narrowed],
        "warnings": [_note(note) for note in lint(form)],
    }


def _note(note: Note) -> dict[str, str]:
    return {"path": note.path, "keyword": note.keyword, "reason": note.reason}


def rough_tokens(text: str) -> int:
    """Return about how many tokens a text is, where no model is at hand."""
    return max(1, len(json.dumps(text, ensure_ascii=False)) // _CHARS_PER_TOKEN)
