"""Run directories: one folder per execution, with the resolved config and its results.

The same verb, task and settings give the same folder, so a run that was stopped goes on there.
What was computed is kept in the store, answer by answer; files here are written whole.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

from rung.core import config
from rung.core.clock import now_utc
from rung.core.errors import StoreError
from rung.core.files import alone, write_atomic
from rung.core.hashing import short_hash

_MAX_NAME_CHARS = 80
_PACKAGES = ("rung", "numpy", "scipy", "scikit-learn", "xllamacpp", "llguidance")


def file_name(name: str) -> str:
    """Return a name that is safe as one path component, equal for equal names."""
    safe = re.sub(r"[^A-Za-z0-9.+_-]", "_", name)[:_MAX_NAME_CHARS]
    return safe if safe == name and safe.strip(".") else f"{safe}-{short_hash(name)}"


class RunDir:
    """The folder `RUNG_HOME/runs/<verb>-<task>-<settings hash>`; made with its `config.json`."""

    def __init__(self, verb: str, task: str, settings: dict[str, Any]) -> None:
        self.path = config.home() / "runs" / f"{verb}-{file_name(task)}-{short_hash(settings)}"
        resolved = {
            "verb": verb,
            "task": task,
            "settings": settings,
            "settings_hash": short_hash(settings),
            "versions": _versions(),
            "machine": {
                "python": platform.python_version(),
                "system": platform.system(),
                "machine": platform.machine(),
                "num_cpus": os.cpu_count(),
            },
            "started": now_utc(),
        }
        if not (self.path / "config.json").exists():
            self.write_json("config.json", resolved)

    def alone(self) -> AbstractContextManager[None]:
        """Let no other process work in the folder meanwhile; a kill lets go.

        Raises StoreError, naming the folder, at once where another one does.
        """
        busy = StoreError(
            f"another process is at work in {self.path}",
            hint="wait for it: the same command then finds what it has done",
        )
        return alone(self.path / "lock", busy)

    def write_json(self, name: str, value: Any) -> Path:
        """Write one JSON file whole; return its path."""
        path = self.path / name
        write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
        return path

    def write_rows(self, name: str, rows: Iterable[dict[str, Any]]) -> Path:
        """Write one JSONL file whole; return its path."""
        path = self.path / name
        write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return path


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
