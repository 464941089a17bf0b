"""A journal of one conversation, so that a killed run goes on where it was.

What a model said, a stronger one too, is noted before anything is done, each call before it is
made and its result after. Resuming takes what is noted instead of asking or calling again. A call
that is noted without a result is in doubt. A world whose state lives in the process lost it with
the process and is played again from the start. A world that outlives it makes no call twice: it is
called under a key it knows (`DurableSession`), or answers for a call in doubt (`LastingSession`).
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import uuid4

from rung.core.errors import RungError, StoreError, TaskError, reason_of
from rung.core.files import alone
from rung.core.spelling import quote
from rung.tasks.user_code import failed
from rung.worlds.world import Call, Result, Session

_HALF = re.compile("[\ud800-\udfff]")
Entry = dict[str, Any]
Asked = Literal["turn", "escalation", "outline"]
"""What a model was asked for: a turn, or, a stronger one, a step in doubt or an outline."""


class Journal(Protocol):
    """An append-only list of entries, plain JSON; of one conversation only."""

    def read(self) -> Sequence[Entry]:
        """Return every entry, oldest first."""
        ...

    def append(self, entry: Entry) -> None:
        """Note an entry durably before returning."""
        ...


@runtime_checkable
class DurableSession(Protocol):
    """A session whose state outlives the process that wrote it."""

    def call(self, call: Call) -> Result:
        """Use a tool."""
        ...

    def call_once(self, key: str, call: Call) -> Result:
        """Use a tool; what was done before under this key is not done again, its result given."""
        ...


@runtime_checkable
class LastingSession(Protocol):
    """A session whose state outlives the process, and which knows no keys."""

    def call(self, call: Call) -> Result:
        """Use a tool."""
        ...

    def call_in_doubt(self, call: Call) -> Result:
        """Answer for a call that a killed run may have made; what it may change is not done."""
        ...


class FileJournal:
    """A JSONL file; a line that a kill cut short counts as not written.

    Raises StoreError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Entry]:
        """Return every whole line."""
        try:
            data = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise StoreError(f"reading {self._path} failed: {reason_of(error)}") from None
        return [json.loads(line) for line in data.split(b"\n")[:-1]]

    def alone(self) -> AbstractContextManager[None]:
        """Let no other process work on this conversation meanwhile; a kill lets go.

        Raises StoreError at once where another one does, or where no file can be locked.
        """
        busy = StoreError(
            "another process is working on this very input",
            hint="wait for it, then ask again: its answer is kept",
        )
        return alone(self._path.with_suffix(".lock"), busy, remove=True)

    def remove(self) -> None:
        """Delete the file, once what came of the conversation is kept elsewhere."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"deleting {self._path} failed: {reason_of(error)}") from None

    def append(self, entry: Entry) -> None:
        """Write one line through to the disk."""
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"writing {self._path} failed: {reason_of(error)}") from None


class Tape:
    """Plays a journal from its start, then records; without a journal it only makes the calls.

    `key` says which conversation it is: a journal of another one is refused with a StoreError.
    """

    def __init__(self, journal: Journal | None, session: Session, key: str) -> None:
        self._journal = journal
        self._session = session
        self._noted = list(journal.read()) if journal is not None else []
        self._num_calls = 0
        begun = {"key": key, "run": uuid4().hex}
        found = self._next("conversation") or self._note("conversation", begun)
        if found["key"] != key:
            raise StoreError(
                "the journal is of another conversation",
                hint="give each example, spec and model a journal of its own",
            )
        self._run = f"{key}{found.get('run', '')}"
        """Names the calls of this run: the same request in another one is acted on again."""

    @property
    def is_lasting(self) -> bool:
        """Whether what is done outlives the process, so that a call that failed may have acted."""
        return isinstance(self._session, DurableSession | LastingSession)

    def said(self, what: Asked, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what a model said next, as plain JSON: what is noted, else what `ask` gives."""
        found = self._next(what) or self._note(what, {"reply": ask()})
        return dict(found["reply"])

    def call(self, call: Call) -> Result:
        """Make a call, unless the world has it and the journal knows what came of it."""
        self._num_calls += 1
        is_known = self._next("call") is not None
        if not is_known:
            self._note("call", call.to_json())
        noted = self._next("result")
        if noted is not None and self.is_lasting:
            return Result(value=noted["value"], error=noted["error"], fault=noted["fault"])
        result = _as_json(call, self._make(call, in_doubt=is_known and noted is None))
        if noted is None:
            self._note("result", asdict(result))
        return result

    def _make(self, call: Call, *, in_doubt: bool) -> Result:
        """Make a call; a time-out or a lost connection that a world raises is an outage."""
        try:
            return self._made(call, in_doubt=in_doubt)
        except RungError:
            raise
        except (TimeoutError, ConnectionError) as outage:
            reason = str(outage) or type(outage).__name__
            return Result(error=f"{call.tool}: {reason}", fault="tool")
        except (Exception, SystemExit) as error:
            file = Path(inspect.getfile(type(self._session).call))
            raise failed(file, f"the tool {call.tool}", error) from error

    def _made(self, call: Call, *, in_doubt: bool) -> Result:
        if isinstance(self._session, DurableSession):
            return self._session.call_once(f"{self._run}:{self._num_calls}", call)
        if in_doubt and isinstance(self._session, LastingSession):
            return self._session.call_in_doubt(call)
        return self._session.call(call)

    def _next(self, kind: str) -> Entry | None:
        """Return the next noted entry, None when all are played; it must be of this kind."""
        if not self._noted:
            return None
        entry = self._noted.pop(0)
        if entry.get("kind") != kind:
            raise StoreError(f"the journal goes on with {entry.get('kind')!r}, not with a {kind}")
        return entry

    def _note(self, kind: str, what: dict[str, Any]) -> Entry:
        entry = {"kind": kind, **what}
        if self._journal is not None:
            self._journal.append(entry)
        return entry


def _as_json(call: Call, result: Any) -> Result:
    """Return a result as plain JSON that can be written, with U+FFFD for half surrogate pairs.

    Raises TaskError where a world gave something else.
    """
    if not isinstance(result, Result):
        raise TaskError(
            f"the world answered {call.tool} with {quote(result)}", hint="return a Result"
        )
    try:
        text = _HALF.sub("\ufffd", json.dumps(result.value, ensure_ascii=False))
        return replace(result, value=json.loads(text), error=_HALF.sub("\ufffd", result.error))
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskError(
            f"the world answered {call.tool} with what is no JSON: {error}",
            hint="return text, numbers, lists and dicts: a date as isoformat(), a set as a list",
        ) from None
