"""Read the TOML tables a user may edit (`engines.toml`, `prices.toml`), strictly.

Every table sits under one root, e.g. `[engines.gpt-mini]`. An unknown key, a wrong type or a
broken file is a ConfigError that names the file, the table and the nearest known name. This file
knows nothing of what the values mean.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rung.core.errors import ConfigError, reason_of
from rung.core.spelling import did_you_mean

Reader = Callable[[Any], Any]
"""Turns a TOML value into ours; raises ValueError with the rule it breaks."""


def text(value: Any) -> str:
    """Accept a string that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value


def number(value: Any) -> float:
    """Accept a finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not math.isfinite(value) or value < 0:
        raise ValueError("must be finite and not negative")
    return float(value)


def whole(value: Any) -> int:
    """Accept a whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def flag(value: Any) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Accept a list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def table(value: Any) -> dict[str, Any]:
    """Accept a table of any content."""
    if not isinstance(value, dict):
        raise ValueError("must be a table, e.g. {key = 1}")
    return value


def day(value: Any) -> str:
    """Accept a date (`2026-11-23`, quoted or not); return it as ISO text."""
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError("must be a date such as 2026-11-23") from None


def parse_tables(
    source: str, *, where: str, root: str, keys: Mapping[str, Reader]
) -> dict[str, dict[str, Any]]:
    """Return {table name: {key: value}} of the tables under `root`. Raises ConfigError."""
    try:
        document = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"reading {where}: not valid TOML: {error}") from None
    for name in document:
        if name != root:
            hint = f"tables start with [{root}.NAME]"
            raise ConfigError(f"{where} has an unknown section {name!r}", hint=hint)
    rows = document.get(root, {})
    if not isinstance(rows, dict):
        raise ConfigError(f"{where}: {root!r} must hold tables, e.g. [{root}.NAME]")
    return {name: _row(row, f"{where} [{root}.{name}]", keys) for name, row in rows.items()}


def read_tables(path: Path, *, root: str, keys: Mapping[str, Reader]) -> dict[str, dict[str, Any]]:
    """Read `path` with `parse_tables`; a file that does not exist has no tables."""
    try:
        source = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"reading {path}: {reason_of(error)}") from None
    return parse_tables(source, where=str(path), root=root, keys=keys)


def _row(row: Any, where: str, keys: Mapping[str, Reader]) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ConfigError(f"{where} must be a table of settings, not {row!r}")
    values = {}
    for key, value in row.items():
        if key not in keys:
            raise ConfigError(f"{where} has no setting {key!r}", hint=did_you_mean(key, keys))
        try:
            values[key] = keys[key](value)
        except ValueError as error:
            raise ConfigError(f"{where}: {key} = {value!r} {error}") from None
    return values
