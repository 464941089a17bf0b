"""How calls are scored: which required writes were made, and why the others were not.

Two figures, kept apart (methods 6.1): `action_level` compares calls and gives partial credit,
strict compares states and gives none. Free text (a message body) has no one right wording: its
`Literals` say what it must contain. Only writes come here; look-ups cost nothing. Which state a
world is in, and whether it is the one asked for, the world says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from scipy.optimize import linear_sum_assignment

from rung.worlds.canonical import canonical, contains
from rung.worlds.world import Call, Outcome

__all__ = [
    "CAUSES",
    "Cause",
    "Literals",
    "Pair",
    "Stop",
    "action_level",
    "canonical",
    "judge",
    "match_call",
    "name_cause",
    "pair_calls",
    "settle",
]

Stop = Literal["", "malformed", "truncated", "abstained"]
"""How an agent ended when it did not end by itself: an answer that could not be read, a budget of
tokens or steps that ran out, or its own wish."""
Cause = Literal[
    "",
    "missing_action",
    "wrong_entity",
    "wrong_argument",
    "omitted_datum",
    "over_action",
    "malformed",
    "truncated",
    "abstained",
    "forbidden",
]
"""Why a sequence of calls is not strict; empty when it is."""
CAUSES: tuple[Cause, ...] = get_args(Cause)

Literals = Mapping[str, Sequence[str]]
"""By free-text argument, what its text must contain; an empty list asks for any text at all."""

_ENTITY_NAME = re.compile(r"(?:.*_)?id", re.IGNORECASE)
_ENTITY_VALUE = re.compile(r"[a-z]{1,6}-?\d{2,}|\d{6,}|[^@\s]+@[^@\s]+\.[^@\s]+", re.IGNORECASE)
_SAME_TOOL = 1e-6
"""Added to a pair's worth, so that a wholly wrong use of the right tool is still paired."""
_NONE: Literals = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A required write and the made one that was meant for it."""

    required: Call
    literals: Literals = field(default_factory=dict)
    made: int | None
    """Position among the made writes; None when no other use of the tool was left."""
    match: float
    """0 to 1."""


def match_call(required: Call, made: Call, literals: Literals | None = None) -> float:
    """Return the share of the required arguments that `made` has, 0 when its tool differs.

    Arguments that nobody required cost nothing here; the state shows what they did.
    """
    if required.tool != made.tool:
        return 0.0
    names = _asked(required)
    if not names:
        return 1.0
    return sum(_match(name, required, made, literals or _NONE) for name in names) / len(names)


def pair_calls(
    required: Sequence[Call], made: Sequence[Call], literals: Sequence[Literals] = ()
) -> list[Pair]:
    """Return the best one-to-one assignment, in the order of `required`.

    `literals` runs along `required`; where it is shorter, no argument is free text.
    """
    texts = [*literals, *[_NONE] * len(required)][: len(required)]
    worth = np.zeros((len(required), len(made)))
    for row, (wanted, text) in enumerate(zip(required, texts, strict=True)):
        for column, call in enumerate(made):
            if wanted.tool == call.tool:
                worth[row, column] = match_call(wanted, call, text) + _SAME_TOOL
    rows, columns = linear_sum_assignment(worth, maximize=True)
    chosen = {int(row): int(column) for row, column in zip(rows, columns, strict=True)}
    pairs = []
    for row, (wanted, text) in enumerate(zip(required, texts, strict=True)):
        at = chosen.get(row)
        at = at if at is not None and wanted.tool == made[at].tool else None
        match = 0.0 if at is None else match_call(wanted, made[at], text)
        pairs.append(Pair(required=wanted, literals=text, made=at, match=match))
    return pairs


def action_level(
    required: Sequence[Call], made: Sequence[Call], literals: Sequence[Literals] = ()
) -> float:
    """Return the mean match of the required writes, 0 to 1; with none required, 1 if none is made.

    Writes beside the required ones cost nothing here: over-action is counted on its own.
    """
    if not required:
        return float(not made)
    return sum(pair.match for pair in pair_calls(required, made, literals)) / len(required)


def settle(
    required: Sequence[Call], made: Sequence[Call], literals: Sequence[Literals] = ()
) -> list[Call]:
    """Return `made` with every free text that says what is required replaced by the required one.

    States that differ in wording only become equal by it.
    """
    settled = list(made)
    for pair in pair_calls(required, made, literals):
        if pair.made is None:
            continue
        call = settled[pair.made]
        said = {
            name: pair.required.arguments[name]
            for name in pair.literals
            if _match(name, pair.required, call, pair.literals) == 1.0
        }
        settled[pair.made] = Call(tool=call.tool, arguments={**call.arguments, **said})
    return settled


def name_cause(
    required: Sequence[Call],
    made: Sequence[Call],
    literals: Sequence[Literals] = (),
    *,
    forbidden: Collection[str] = (),
    stopped: Stop = "",
) -> Cause:
    """Return why these writes fail, by the first required one that is not right.

    A broken negative assertion comes before everything, then how the agent was stopped, if it was
    before all was done. Empty when every required write was made and no other.
    """
    if forbidden:
        return "forbidden"
    pairs = pair_calls(required, made, literals)
    wrong = next((pair for pair in pairs if pair.match < 1.0), None)
    if wrong is None:
        return "over_action" if len(made) > len(required) else ""
    if stopped:
        return stopped
    if wrong.made is None:
        return "missing_action"
    return _why(wrong, made[wrong.made])


def judge(
    required: Sequence[Call],
    made: Sequence[Call],
    literals: Sequence[Literals] = (),
    *,
    reached: bool,
    changed: bool,
    unasked: Collection[int] = (),
    forbidden: Sequence[str] = (),
    details: Mapping[str, Any] | None = None,
) -> Outcome:
    """Return what the made writes are worth.

    `reached` says that the state is the one asked for, `changed` that it is not the first one,
    `unasked` are positions of made writes that changed something nobody asked to change. Whoever
    makes more unasked writes than writes are required has no action level at all: otherwise
    writing everything that can be written would score.
    """
    pairs = pair_calls(required, made, literals)
    meant = {pair.made for pair in pairs}
    num_extra = len(set(unasked) - meant)
    strict = reached and not forbidden and not unasked
    flood = num_extra > max(len(required), 1)
    cause = "" if strict else name_cause(required, made, literals, forbidden=forbidden)
    return Outcome(
        action_level=0.0 if flood else action_level(required, made, literals),
        strict=strict,
        num_missing=sum(pair.made is None for pair in pairs),
        num_extra=num_extra,
        forbidden=tuple(forbidden),
        side_effects=changed and not reached,
        cause=cause or ("" if strict else "over_action"),
        details=details or {},
    )


def _asked(call: Call) -> list[str]:
    return [name for name, value in call.arguments.items() if value is not None]


def _match(name: str, required: Call, made: Call, literals: Literals) -> float:
    """Return how far one argument is right: 0 or 1, of a free text the share of its literals."""
    value = made.arguments.get(name)
    if name not in literals:
        return float(value is not None and canonical(value) == canonical(required.arguments[name]))
    if not isinstance(value, str) or not value.strip():
        return 0.0
    wanted = literals[name]
    return sum(contains(value, part) for part in wanted) / len(wanted) if wanted else 1.0


def _why(pair: Pair, made: Call) -> Cause:
    """Return what is wrong with a call that has the right tool."""
    causes = set()
    for name in _asked(pair.required):
        if _match(name, pair.required, made, pair.literals) == 1.0:
            continue
        if name in pair.literals or made.arguments.get(name) is None:
            causes.add("omitted_datum")
        elif _is_entity(name, pair.required.arguments[name]):
            causes.add("wrong_entity")
        else:
            causes.add("wrong_argument")
    order: tuple[Cause, ...] = ("wrong_entity", "wrong_argument", "omitted_datum")
    return next(cause for cause in order if cause in causes)


def _is_entity(name: str, value: Any) -> bool:
    """Return whether an argument names a record: by its name, an id or a mail address."""
    if _ENTITY_NAME.fullmatch(name):
        return True
    values = value if isinstance(value, list | tuple) else [value]
    return any(_ENTITY_VALUE.fullmatch(str(item)) for item in values)
