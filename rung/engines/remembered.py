"""What servers refused, kept between runs: `RUNG_HOME/capabilities.json`.

    {"version": 1, "refused": [{"base_url": …, "model": …, "capability": "prefix", "date": …,
                                "said": "This model does not support assistant message prefill."}]}

A refusal is believed for 90 days, then the server is tried again; a user may delete a row, or the
file, at any time. A file that cannot be read or written costs a warning and nothing else: what it
held is learned again. Two runs that write at once may lose a row, not the file.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rung.core.clock import now_utc
from rung.core.config import home
from rung.core.errors import StoreError
from rung.core.files import write_atomic

VERSION = 1
KEEP_DAYS = 90

_log = logging.getLogger(__name__)
_writing = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One capability that one model of one server refused."""

    base_url: str
    model: str
    capability: str
    date: str
    """Day of the refusal, ISO-8601."""
    said: str
    """The server's words, short and without keys."""


def capabilities_path() -> Path:
    """Return where refusals are kept."""
    return home() / "capabilities.json"


def recall(base_url: str, model: str) -> frozenset[str]:
    """Return the capabilities that this model refused within the last `KEEP_DAYS` days."""
    since = (_today() - timedelta(days=KEEP_DAYS)).isoformat()
    return frozenset(
        entry.capability
        for entry in _read()
        if (entry.base_url, entry.model) == (base_url, model) and entry.date >= since
    )


def remember(base_url: str, model: str, capability: str, said: str) -> None:
    """Keep a refusal; a file that cannot be written costs a warning."""
    new = Entry(
        base_url=base_url,
        model=model,
        capability=capability,
        date=_today().isoformat(),
        said=said,
    )
    with _writing:
        kept = [entry for entry in _read() if _key(entry) != _key(new)]
        rows = [asdict(entry) for entry in [*kept, new]]
        text = json.dumps({"version": VERSION, "refused": rows}, indent=2, ensure_ascii=False)
        try:
            write_atomic(capabilities_path(), text + "\n")
        except StoreError as error:
            _log.warning("%s; the refusal will be learned again", error)


def _key(entry: Entry) -> tuple[str, str, str]:
    return (entry.base_url, entry.model, entry.capability)


def _today() -> date:
    return date.fromisoformat(now_utc()[:10])


def _read() -> list[Entry]:
    path = capabilities_path()
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']!r}, not {VERSION}")
        return [_entry(row) for row in data["refused"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        _log.warning("%s is ignored: %s: %s", path, type(error).__name__, error)
        return []


def _entry(row: Any) -> Entry:
    entry = Entry(**row)
    if not all(isinstance(value, str) for value in asdict(entry).values()):
        raise ValueError("a refusal that is not all texts")
    date.fromisoformat(entry.date)
    return entry
