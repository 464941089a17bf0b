"""`mcp.toml` of a task folder: how its MCP server is started.

command = ["python", "server.py"]    # run in the task's folder, by no shell
timeout_s = 30                       # for the start and for each call
env = ["CRM_TOKEN"]                  # variables of rung's environment that it may see
brief = "Today is 4 March 2026."     # what an agent is told
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.core import config
from rung.core.errors import TaskError, reason_of
from rung.core.spelling import did_you_mean, quote

_KEYS = ("command", "timeout_s", "env", "brief")
_MAX_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class McpConfig:
    """Everything `mcp.toml` says."""

    command: tuple[str, ...]
    timeout_s: float = 30.0
    env: tuple[str, ...] = ()
    """Names of variables; their values are read when the server is started."""
    brief: str = ""


def read_config(path: Path) -> McpConfig:
    """Read `mcp.toml`; raises TaskError naming the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise TaskError(
            f"no file {path}", hint='write command = ["python", "server.py"] in it'
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TaskError(f"reading {path}: {reason_of(error)}") from None
    for key in data:
        if key not in _KEYS:
            raise TaskError(f"reading {path}: unknown key {key}", hint=did_you_mean(key, _KEYS))
    timeout_s = data.get("timeout_s", 30.0)
    number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if not number or not 0 < timeout_s <= _MAX_TIMEOUT_S:
        raise _wrong(path, "timeout_s", f"seconds up to {_MAX_TIMEOUT_S:g}", timeout_s)
    brief = data.get("brief", "")
    if not isinstance(brief, str):
        raise _wrong(path, "brief", "text", brief)
    return McpConfig(
        command=_texts(path, "command", data.get("command"), least=1),
        timeout_s=float(timeout_s),
        env=_texts(path, "env", data.get("env", []), least=0),
        brief=brief,
    )


def environment(names: Sequence[str], path: Path) -> dict[str, str]:
    """Return the values of these variables; raises TaskError for one that is not set."""
    found = {}
    for name in names:
        value = config.secret(name)
        if value is None:
            raise TaskError(f"{path}: the variable {name} is not set", hint=f"export {name}=…")
        found[name] = value
    return found


def _texts(path: Path, key: str, value: Any, *, least: int) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else None
    if texts is None or len(texts) < least or not all(isinstance(t, str) and t for t in texts):
        raise _wrong(path, key, "a list of texts", value)
    return tuple(texts)


def _wrong(path: Path, key: str, wanted: str, value: Any) -> TaskError:
    return TaskError(f"reading {path}: {key} must be {wanted}, not {quote(value)}")
