"""`task.toml`: the contract of a task, read key by key and written back.

Unknown keys and wrong types are errors that name the key. Fields without a `[scoring.FIELD]` table
get the default of their kind (`default_scoring`). Names of fields and labels are checked against
the schema, because a misspelt label in an error-cost table would silently cost nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import tomli_w

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, quote
from rung.forms.form import Style
from rung.tasks.answers import Answers, Kind
from rung.tasks.fields import as_text
from rung.tasks.lines import read_lines
from rung.tasks.replies import slots_of
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
_HUGE = 1e12
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
    table = _Table(data, where, "")
    name = table.text("name")
    check_name(name)
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
        gate=_gate(table.table("gate"), answers),
        style=_style(table.table("form")),
        world=table.text("world") if "world" in data else "",
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
        data["gate"]["forbidden"] = [
            _plain(rule) | {"predicted": list(rule.predicted)} for rule in gate.forbidden
        ]
    # Multi-line strings read better, but tomli-w does not keep a carriage return in them.
    text = tomli_w.dumps(data, multiline_strings=True)
    return text if tomllib.loads(text) == data else tomli_w.dumps(data)


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}


def _scoring(table: _Table, answers: Answers) -> Mapping[str, FieldScoring]:
    rules = default_scoring(answers)
    for field in list(table.data):
        _known_field(field, answers, f"{table.where}: [scoring.{field}]")
        entry = table.table(field)
        rules[field] = FieldScoring(
            scorer=entry.choice("scorer", get_args(ScorerName), rules[field].scorer),
            weight=entry.number("weight", 1.0),
            strict_at=entry.number("strict_at", rules[field].strict_at, high=1.0),
            tolerance=entry.number("tolerance", 0.0),
        )
        entry.done()
    return MappingProxyType(rules)


def _error_cost(whole: _Table, answers: Answers) -> ErrorCost:
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


def _replies(table: _Table, answers: Answers) -> Replies:
    field = table.field("field", answers)
    given = table.table("texts")
    texts = {label: given.text(label) for label in given.data}
    for label, text in texts.items():
        table.check_label(label, f"texts.{label}", field, answers)
        for name in slots_of(text):
            _known_field(name, answers, f"{table.where}: replies.texts.{label}")
    table.done()
    return Replies(field=field, texts=MappingProxyType(texts))


def _gate(table: _Table, answers: Answers) -> GateRules:
    rules = GateRules(
        metric=table.choice("metric", ("score", "strict"), "score"),
        margin=table.number("margin", 0.03, high=1.0),
        alpha=table.number("alpha", 0.05, low=1e-9, high=0.5),
        min_saving=table.number("min_saving", 0.05, high=1.0),
        recall=tuple(_recall(entry, answers) for entry in table.tables("recall")),
        forbidden=tuple(_forbidden(entry, answers) for entry in table.tables("forbidden")),
    )
    table.done()
    return rules


def _style(table: _Table) -> Style:
    style: Style = table.choice("style", get_args(Style), "json")
    table.done()
    return style


def _recall(entry: _Table, answers: Answers) -> RecallLimit:
    field = entry.field("field", answers)
    value = entry.label("value", field, answers)
    if value == "*":
        raise entry.wrong("value", f"one value of {field!r}", value)
    limit = RecallLimit(field=field, value=value, minimum=entry.number("minimum", high=1.0))
    entry.done()
    return limit


def _forbidden(entry: _Table, answers: Answers) -> Forbidden:
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


def _known_field(field: str, answers: Answers, where: str) -> None:
    if field not in answers.fields:
        raise TaskError(
            f"{where}: form.json has no field {field!r}", hint=did_you_mean(field, answers.fields)
        )


class _Table:
    """One TOML table, read key by key; `done` refuses the keys nobody asked for."""

    def __init__(self, data: Mapping[str, Any], where: str, name: str) -> None:
        self.data = data
        self.where = where
        self.name = name
        self._asked: list[str] = []

    def text(self, key: str, default: str | None = None) -> str:
        """Return a non-blank string."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "text", value)
        return value

    def choice(self, key: str, known: Sequence[Any], default: str) -> Any:
        """Return one of the known words."""
        value = self._get(key, default)
        if value not in known:
            raise TaskError(
                f"{self.where}: {self._dotted(key)} is {quote(value)}",
                hint=did_you_mean(value, known),
            )
        return value

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        low: float = 0.0,
        high: float = _HUGE,
        whole: bool = False,
    ) -> float:
        """Return a number from `low` to `high`."""
        value = self._get(key, default)
        kinds = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            bound = f" up to {high:g}" if high < _HUGE else ""
            raise self.wrong(key, f"{kind} from {low:g}{bound}", value)
        return float(value)

    def flag(self, key: str) -> bool:
        """Return true or false; false when missing."""
        value = self._get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return value

    def table(self, key: str) -> _Table:
        """Return a sub-table, empty when missing."""
        return self._table(self._get(key, {}), self._dotted(key))

    def tables(self, key: str) -> list[_Table]:
        """Return a list of tables, empty when missing."""
        value = self._get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, "a list of tables", value)
        return [
            self._table(item, f"{self._dotted(key)}[{index}]") for index, item in enumerate(value)
        ]

    def field(self, key: str, answers: Answers) -> str:
        """Return the name of a field of the schema."""
        field = self.text(key)
        _known_field(field, answers, f"{self.where}: {self._dotted(key)}")
        return field

    def label(self, key: str, field: str, answers: Answers) -> str:
        """Return a value of `field` as text, or `*`."""
        return self.check_label(self.text(key), key, field, answers)

    def labels(self, key: str, field: str, answers: Answers) -> tuple[str, ...]:
        """Return one or more values of `field` as text; a lone value need not be in a list."""
        value = self._get(key, None)
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(label, str) and label for label in values):
            raise self.wrong(key, "a list of texts", value)
        return tuple(self.check_label(label, key, field, answers) for label in values)

    def done(self) -> None:
        """Raise TaskError for the first key that was never asked for."""
        for key in self.data:
            if key not in self._asked:
                raise TaskError(
                    f"{self.where}: unknown key {self._dotted(key)}",
                    hint=did_you_mean(key, self._asked),
                )

    def check_label(self, label: str, key: str, field: str, answers: Answers) -> str:
        """Return the label; raises TaskError when it is not a value of `field`."""
        known = [as_text(value) for value in answers.values(field)]
        if known and label != "*" and label not in known:
            raise TaskError(
                f"{self.where}: {self._dotted(key)} is {quote(label)}, not a value of {field!r}",
                hint=did_you_mean(label, known),
            )
        return label

    def _get(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        value = self.data.get(key, default)
        if value is None:
            raise TaskError(f"{self.where}: {self._dotted(key)} is missing")
        return value

    def _table(self, value: Any, name: str) -> _Table:
        if not isinstance(value, dict):
            raise TaskError(f"{self.where}: {name} must be a table, not {quote(value)}")
        return _Table(value, self.where, name)

    def _dotted(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def wrong(self, key: str, wanted: str, value: Any) -> TaskError:
        """Return the error of a value that is not what was wanted."""
        return TaskError(f"{self.where}: {self._dotted(key)} must be {wanted}, not {quote(value)}")
