"""Read and write `rules.toml` strictly: an unknown key, signal or value is named, not skipped."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from rung.core.errors import ConfigError
from rung.core.files import write_atomic
from rung.core.spelling import did_you_mean, quote
from rung.routes.escalation.rules import Condition, Evidence, Rule, Rules, Sign
from rung.routes.escalation.signals import describe_signal, signal_names
from rung.routes.escalation.text_signals import WordSignal

FILE = "rules.toml"
_CONDITION = re.compile(r"\s*(?P<signal>.*\S)\s*(?P<sign>>=|<=)\s*(?P<value>-?[\d.eE+-]+)\s*")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def condition_from(text: str, where: str, words: Sequence[WordSignal] = ()) -> Condition:
    """Read `signal >= number`; raises ConfigError naming what is wrong."""
    match = _CONDITION.fullmatch(text)
    try:
        value = float(match["value"]) if match else math.nan
    except ValueError:
        value = math.nan
    if match is None or not math.isfinite(value):
        raise ConfigError(f"{where}: cannot read {quote(text)}", hint='write "num_words >= 40"')
    if not describe_signal(match["signal"], words):
        raise ConfigError(
            f"{where}: no signal is called {match['signal']!r}",
            hint=did_you_mean(match["signal"], signal_names(words)),
        )
    sign: Sign = ">=" if match["sign"] == ">=" else "<="
    return Condition(signal=match["signal"], sign=sign, value=value)


def read_rules(path: Path) -> Rules:
    """Read a rules file; one that does not exist holds no rule. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Rules()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"reading {path}: {error}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"reading {path}: not TOML: {error}") from None
    return rules_from(data, str(path))


def write_rules(path: Path, rules: Rules) -> Rules:
    """Write a task's rules, one version higher than given; return what was written."""
    raised = replace(rules, version=rules.version + 1)
    write_atomic(path, tomli_w.dumps(rules_to(raised)))
    return raised


def rules_to(rules: Rules) -> dict[str, Any]:
    """Return rules as the plain tables of their file."""
    return {
        "version": rules.version,
        "words": [
            {"signal": w.name, "says": w.says, "groups": [list(g) for g in w.groups]}
            for w in rules.words
        ],
        "rule": [_plain(rule) for rule in rules.rules],
    }


def _plain(rule: Rule) -> dict[str, Any]:
    table = {"id": rule.id, "version": rule.version, "when": [str(c) for c in rule.when]}
    table |= {"to": rule.to, "cost_usd": rule.cost_usd}
    if rule.evidence is not None:
        kept = asdict(rule.evidence).items()
        table["evidence"] = {name: value for name, value in kept if value is not None}
    return table


def rules_from(data: Mapping[str, Any], where: str) -> Rules:
    """Read the tables of a rules file strictly; raises ConfigError naming `where` and the value."""
    _refuse_unknown(data, ("version", "words", "rule"), where)
    words = tuple(_word(table, where) for table in _tables(data, "words", where))
    rules = tuple(_rule(table, where, words) for table in _tables(data, "rule", where))
    ids = [rule.id for rule in rules]
    if twice := next((one for one in ids if ids.count(one) > 1), ""):
        raise ConfigError(f"{where}: two rules have the id {twice!r}", hint="rename one")
    return Rules(version=_whole(data.get("version", 0), where), words=words, rules=rules)


def _tables(data: Mapping[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    found = data.get(name, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise ConfigError(f"{where}: {name} must be tables", hint=f"start each with [[{name}]]")
    return found


def _refuse_unknown(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    if unknown := next((key for key in table if key not in known), ""):
        raise ConfigError(f"{where}: unknown key {unknown!r}", hint=did_you_mean(unknown, known))


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"{where}: a version must be a whole number, not {quote(value)}")
    return value


def _word(table: dict[str, Any], where: str) -> WordSignal:
    _refuse_unknown(table, ("signal", "says", "groups"), f"{where} [[words]]")
    name, groups = table.get("signal"), table.get("groups")
    readable = isinstance(name, str) and re.fullmatch(r"[a-z]\w*", name)
    if not readable or not isinstance(groups, list) or not all(map(_is_group, groups)):
        raise ConfigError(
            f"{where}: cannot read the words of signal {quote(name)}",
            hint='groups = [["return", "refund"], ["exchange"]]',
        )
    return WordSignal(
        name=str(name), says=str(table.get("says", name)), groups=tuple(map(tuple, groups))
    )


def _is_group(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(w, str) and w for w in value)


def _rule(table: dict[str, Any], where: str, words: Sequence[WordSignal]) -> Rule:
    known = ("id", "version", "when", "to", "cost_usd", "evidence")
    _refuse_unknown(table, known, f"{where} [[rule]]")
    name, when = str(table.get("id", "")), table.get("when", [])
    if not _ID.fullmatch(name):
        raise ConfigError(f"{where}: {quote(name)} is no rule id", hint="use a to z, 0 to 9, - _")
    here = f"{where}, rule {name!r}"
    if not isinstance(when, list) or not when:
        raise ConfigError(f"{here}: when must list conditions", hint='when = ["num_words >= 40"]')
    to, cost = table.get("to", "next"), table.get("cost_usd", 0.0)
    if to not in ("next", "human"):
        raise ConfigError(f"{here}: to is {quote(to)}", hint=did_you_mean(to, ("next", "human")))
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        raise ConfigError(f"{here}: cost_usd must be a number, not {quote(cost)}")
    return Rule(
        id=name,
        version=_whole(table.get("version", 1), here),
        when=tuple(condition_from(str(text), here, words) for text in when),
        to=to,
        cost_usd=float(cost),
        evidence=_evidence(table.get("evidence"), here),
    )


def _evidence(table: Any, where: str) -> Evidence | None:
    if table is None:
        return None
    try:
        return Evidence(**table)
    except TypeError:
        raise ConfigError(
            f"{where}: cannot read its evidence {quote(table)}", hint="delete the evidence"
        ) from None
