"""`task.toml`: the contract of a task, read key by key and written back.

Unknown keys and wrong types are errors that name the key. Fields without a `[scoring.FIELD]` table
get the default of their kind (`default_scoring`). Names of fields and labels are checked against
the schema, because a misspelt label in an error-cost table would silently cost nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import tomli_w

from rung.core.errors import TaskError
from rung.core.spelling import quote
from rung.forms.form import Style
from rung.tasks.answers import Answers, Kind
from rung.tasks.lines import read_lines
from rung.tasks.replies import slots_of
from rung.tasks.table import Table, check_field
from rung.tasks.task import (
    ErrorCost,
    FieldScoring,
    Forbidden,
    GateRules,
    RecallLimit,
    Replies,
    ScorerName,
    Task,
)

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SAME_WORDS = 0.999
"""Free text passes strict only when it agrees in every word; case and punctuation are free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Everything `task.toml` says."""

    name: str
    title: str
    instruction: str
    volume_per_day: float
    latency_budget_ms: float
    reference_price: str
    default_limit: int
    scoring: Mapping[str, FieldScoring]
    error_cost: ErrorCost | None
    replies: Replies | None
    gate: GateRules
    style: Style
    world: str
    local_only: bool


def check_name(name: str) -> None:
    """Raise TaskError unless `name` can name a task and its folder."""
    if not NAME.fullmatch(name):
        raise TaskError(
            f"{quote(name)} cannot name a task",
            hint="use a to z, 0 to 9, _ and -, at most 64, starting with a letter",
        )


def default_scoring(answers: Answers) -> dict[str, FieldScoring]:
    """Return the scoring of every top-level field by its kind, with equal weights.

    Free text counts in strict only when there is nothing else to be strict about: two right answers
    seldom use the same words, so a label and a comment are strict on the label alone.
    """
    kinds = {field: answers.kind(field) for field in answers.fields}
    strict_at = _SAME_WORDS if set(kinds.values()) == {"text"} else 0.0
    return {field: _default_field(kind, strict_at) for field, kind in kinds.items()}


def _default_field(kind: Kind, text_strict_at: float) -> FieldScoring:
    if kind == "text":
        return FieldScoring(scorer="similarity", strict_at=text_strict_at)
    return FieldScoring(
        scorer="number" if kind == "number" else "set" if kind == "array" else "exact"
    )


def read_contract(path: Path, answers: Answers, *, own_scorer: bool = False) -> Contract:
    """Read `task.toml`; see `parse_contract`."""
    text = "".join(line for _, line in read_lines(path))
    return parse_contract(text, answers, f"reading {path}", own_scorer=own_scorer)


def parse_contract(
    text: str, answers: Answers, where: str, *, own_scorer: bool = False
) -> Contract:
    """Decode the text of `task.toml`; raises TaskError naming `where` and the key.

    With `own_scorer` (the task has a `scorer.py`) or a world, fields need not be scored.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{where}: not TOML: {error}") from None
    table = Table(data, where, "")
    name = table.text("name")
    check_name(name)
    world = table.text("world") if "world" in data else ""
    contract = Contract(
        name=name,
        title=table.text("title", name),
        instruction=table.text("instruction"),
        volume_per_day=table.number("volume_per_day", 1000.0),
        latency_budget_ms=table.number("latency_budget_ms", 0.0),
        reference_price=table.text("reference_price", "frontier"),
        default_limit=int(table.number("default_limit", 0, whole=True)),
        scoring=_scoring(table.table("scoring"), answers),
        error_cost=_error_cost(table, answers) if "error_cost" in data else None,
        replies=_replies(table.table("replies"), answers) if "replies" in data else None,
        gate=_gate(table.table("gate"), answers, in_world=bool(world)),
        style=_style(table.table("form")),
        world=world,
        local_only=table.flag("local_only"),
    )
    table.done()
    own_scorer = own_scorer or bool(contract.world)
    scored = [rule for rule in contract.scoring.values() if rule.scorer != "ignore"]
    if not own_scorer and not any(rule.weight > 0 for rule in scored):
        raise TaskError(f"{where}: no field has a weight above 0", hint="score at least one field")
    if not own_scorer and not any(rule.strict_at > 0 for rule in scored):
        raise TaskError(
            f"{where}: no field has strict_at above 0, so every answer would be strict",
            hint="set strict_at of the field that must be right",
        )
    return contract


def format_contract(task: Task) -> str:
    """Return `task.toml` of a task; `parse_contract` reads the same contract back."""
    gate = task.gate
    data: dict[str, Any] = {
        "name": task.name,
        "title": task.title,
        "instruction": task.instruction,
        "volume_per_day": task.volume_per_day,
        "reference_price": task.reference_price,
        "default_limit": task.default_limit,
        "scoring": {field: _plain(rule) for field, rule in task.scoring.items()},
    }
    if task.error_cost is not None:
        data["error_cost"] = _plain(task.error_cost) | {
            "pairs": [
                {"true": true, "predicted": predicted, "cost_usd": cost}
                for (true, predicted), cost in task.error_cost.pairs.items()
            ]
        }
    if task.latency_budget_ms:
        data["latency_budget_ms"] = task.latency_budget_ms
    if task.replies is not None:
        data["replies"] = {"field": task.replies.field, "texts": dict(task.replies.texts)}
    if task.world:
        data["world"] = task.world
    if task.local_only:
        data["local_only"] = True
    if task.style != "json":
        data["form"] = {"style": task.style}
    rules = ("metric", "margin", "alpha", "min_saving")
    data["gate"] = {name: getattr(gate, name) for name in rules}
    if gate.recall:
        data["gate"]["recall"] = [_plain(limit) for limit in gate.recall]
    if gate.forbidden:
        data["gate"]["forbidden"] = [_plain_forbidden(rule) for rule in gate.forbidden]
    # Multi-line strings read better, but tomli-w does not keep a carriage return in them.
    text = tomli_w.dumps(data, multiline_strings=True)
    return text if tomllib.loads(text) == data else tomli_w.dumps(data)


def _plain_forbidden(rule: Forbidden) -> dict[str, Any]:
    if not rule.field:
        return {"name": rule.name, "max_rate": rule.max_rate}
    return _plain(rule) | {"predicted": list(rule.predicted)}


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}


def _scoring(table: Table, answers: Answers) -> Mapping[str, FieldScoring]:
    rules = default_scoring(answers)
    for field in list(table.data):
        check_field(field, answers, f"{table.where}: [scoring.{field}]")
        entry = table.table(field)
        rules[field] = FieldScoring(
            scorer=entry.choice("scorer", get_args(ScorerName), rules[field].scorer),
            weight=entry.number("weight", 1.0),
            strict_at=entry.number("strict_at", rules[field].strict_at, high=1.0),
            tolerance=entry.number("tolerance", 0.0),
        )
        entry.done()
    return MappingProxyType(rules)


def _error_cost(whole: Table, answers: Answers) -> ErrorCost:
    table = whole.table("error_cost")
    field = table.field("field", answers)
    pairs: dict[tuple[str, str], float] = {}
    for entry in table.tables("pairs"):
        key = (
            entry.label("true", field, answers),
            entry.label("predicted", field, answers),
        )
        if key in pairs:
            raise TaskError(f"{entry.where}: {entry.name} repeats {key[0]!r} to {key[1]!r}")
        pairs[key] = entry.number("cost_usd")
        entry.done()
    default_usd = table.number("default_usd", 0.0)
    table.done()
    return ErrorCost(field=field, default_usd=default_usd, pairs=MappingProxyType(pairs))


def _replies(table: Table, answers: Answers) -> Replies:
    field = table.field("field", answers)
    given = table.table("texts")
    texts = {label: given.text(label) for label in given.data}
    for label, text in texts.items():
        table.check_label(label, f"texts.{label}", field, answers)
        for name in slots_of(text):
            check_field(name, answers, f"{table.where}: replies.texts.{label}")
    table.done()
    return Replies(field=field, texts=MappingProxyType(texts))


def _gate(table: Table, answers: Answers, *, in_world: bool) -> GateRules:
    rules = GateRules(
        metric=table.choice("metric", ("score", "strict"), "score"),
        margin=table.number("margin", 0.03, high=1.0),
        alpha=table.number("alpha", 0.05, low=1e-9, high=0.5),
        min_saving=table.number("min_saving", 0.05, high=1.0),
        recall=tuple(_recall(entry, answers) for entry in table.tables("recall")),
        forbidden=tuple(
            _forbidden_act(entry) if in_world else _forbidden(entry, answers)
            for entry in table.tables("forbidden")
        ),
    )
    table.done()
    return rules


def _style(table: Table) -> Style:
    style: Style = table.choice("style", get_args(Style), "json")
    table.done()
    return style


def _recall(entry: Table, answers: Answers) -> RecallLimit:
    field = entry.field("field", answers)
    value = entry.label("value", field, answers)
    if value == "*":
        raise entry.wrong("value", f"one value of {field!r}", value)
    limit = RecallLimit(field=field, value=value, minimum=entry.number("minimum", high=1.0))
    entry.done()
    return limit


def _forbidden(entry: Table, answers: Answers) -> Forbidden:
    field = entry.field("field", answers)
    rule = Forbidden(
        name=entry.text("name"),
        field=field,
        true=entry.label("true", field, answers),
        predicted=entry.labels("predicted", field, answers),
        max_rate=entry.number("max_rate", 0.0, high=1.0),
    )
    entry.done()
    return rule


def _forbidden_act(entry: Table) -> Forbidden:
    rule = Forbidden(name=entry.text("name"), max_rate=entry.number("max_rate", 0.0, high=1.0))
    entry.done()
    return rule
