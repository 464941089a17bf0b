"""What a bundle says of itself, and which files one may hold; read field by field.

Files are data or code. Code is every file of the task's folder that is not one of those data files:
`world.py`, `mcp.toml` (it names a command) and what these need. It is told by its path, whatever a
manifest claims. Zips and signatures are in `bundle.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from rung.core.errors import ConfigError

BUNDLE_VERSION = 2
_READABLE = (1, 2)
"""The first had no world."""
_DATA = re.compile(
    r"task/(task\.toml|form\.json|shots\.jsonl)"
    r"|task/world/([a-z0-9_]{1,64}\.csv|options\.toml)"
    r"|artifacts/[0-9a-f]{64}"
)
_PART = r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?"
_OWN = re.compile(rf"task/({_PART}/){{0,4}}{_PART}")
_STAYS = re.compile(
    r"task/(scorer\.py|(examples|splits|quarantine)[^/]*\.jsonl?|recorded/.*)", re.IGNORECASE
)
"""Examples and what belongs to them, and a scorer, which serving has no use for."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself. No times, so that equal routes give equal bundles."""

    task: str
    route: Mapping[str, Any]
    """The route in service, as JSON."""
    route_hash: str
    receipt: Mapping[str, Any]
    """With which the gate put it in service."""
    parity: Mapping[str, Any]
    """The parity report of each adapter."""
    models: Mapping[str, str]
    """The models that the route asks, with the SHA-256 of their weights; empty where these are on
    a server."""
    code: str
    """The version that wrote it."""
    files: Mapping[str, str]
    """SHA-256 by path."""
    world: str = ""
    """What the task is played in, as in its `task.toml`."""
    world_version: str = ""
    """Of a bundled world; see `worlds/packed.py`."""
    version: int = BUNDLE_VERSION


def may_hold(path: str) -> bool:
    """Return whether a bundle may hold a file of this path."""
    return bool(_DATA.fullmatch(path) or is_code(path))


def is_code(path: str) -> bool:
    """Return whether a file is code, or data that only code reads."""
    if _DATA.fullmatch(path) or _STAYS.fullmatch(path):
        return False
    return _OWN.fullmatch(path) is not None


def parse_manifest(told: bytes, path: Path) -> Manifest:
    """Return the manifest of a bundle; raises ConfigError naming the field that is wrong."""
    try:
        data = json.loads(told)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigError(f"bundle {path} has no readable manifest")
    if data.get("version") not in _READABLE:
        raise ConfigError(
            f"bundle {path} is of version {data.get('version')}, not {BUNDLE_VERSION}",
            hint="upgrade rung",
        )
    known = {field.name: field.default for field in fields(Manifest)}
    needed = {name for name, default in known.items() if default is MISSING}
    for name in sorted(needed - set(data) | set(data) - set(known)):
        raise ConfigError(f"bundle {path} has no readable manifest: {name} is missing, or unknown")
    for name, value in data.items():
        if not _CHECKS[name](value):
            raise ConfigError(f"bundle {path} has no readable manifest: {name} is wrong")
    return Manifest(**data)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_parity(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("passed"), bool):
        return False
    return value["passed"] or isinstance(value.get("verdict"), str)


def _is_table_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "task": _is_text,
    "route": _is_table,
    "route_hash": _is_text,
    "receipt": _is_table,
    "parity": _is_table_of(_is_parity),
    "models": _is_table_of(_is_text),
    "code": _is_text,
    "files": _is_table_of(_is_hash),
    "world": _is_text,
    "world_version": lambda value: value == "" or _is_hash(value),
    "version": lambda value: type(value) is int,
}
