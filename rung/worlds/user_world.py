"""A world of the user's own: `world.py` in a task's folder, which defines `WORLD`.

`WORLD` is any object of the protocol in `rung/worlds/world.py`, or a `TableWorld`: typed functions
over tables, scored by the state they leave. `docs/worlds.md` shows one of 60 lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, listing, quote
from rung.tasks import user_code
from rung.tasks.task import Example
from rung.worlds import setup
from rung.worlds.scoring import Literals, judge, settle
from rung.worlds.tables import Change, Kind, Refused, Row, Tables, changed_back, check_ids
from rung.worlds.toolbox import Toolbox
from rung.worlds.world import Call, Outcome, Result, Tool, World

__all__ = ["FILE", "Kind", "Refused", "Row", "TableWorld", "Tables", "Toolbox", "load_world"]

FILE = "world.py"
_NAME = "WORLD"
_HINT = "WORLD = TableWorld(…), see docs/worlds.md"
_MEMBERS = ("name", "tools", "brief", "start", "oracle", "score")


class TableWorld:
    """Tools over tables.

    An example's `setup` may hold `rows`, by table, that stand behind the world's own, and what
    `setup.py` reads.
    """

    def __init__(
        self,
        *,
        name: str,
        brief: str,
        toolbox: Toolbox,
        kinds: Mapping[str, Kind],
        rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        self.name = name
        self._brief = brief
        self._toolbox = toolbox
        self._kinds = kinds
        self._rows = rows or {}

    def tools(self, example: Example) -> Sequence[Tool]:
        """Return every tool, in the order in which they were defined."""
        return self._toolbox.tools()

    def brief(self, example: Example) -> str:
        """Return what an agent is told about the workplace."""
        return self._brief

    def start(self, example: Example) -> TableSession:
        """Return a fresh session; raises TaskError for a setup that cannot be used."""
        return TableSession(self._toolbox, self._tables(example))

    def oracle(self, example: Example) -> Sequence[Call]:
        """Return the setup's look-ups and the target's calls."""
        return setup.solution(example)

    def score(self, example: Example, calls: Sequence[Call]) -> Outcome:
        """Play the calls and judge the state they leave; free texts count by what they say.

        A write that changed what nobody asked for and was undone later is still an unasked one.
        """
        required, says = self._required(example)
        made = self._taken(example, calls)
        self._check_target(example)
        asked, asked_steps = self._play(example, required)
        left, steps = self._play(example, settle(required, made, says))
        reached = left == asked
        changing = [position for position, step in enumerate(steps) if step]
        return judge(
            required,
            made,
            says,
            reached=reached,
            changed=bool(left),
            unasked=changed_back(steps, left, asked_steps) if reached else changing,
            forbidden=setup.broken(example, made, self._toolbox.tools()),
        )

    def _required(self, example: Example) -> tuple[list[Call], list[Literals]]:
        """Return the target's writes and what their texts must say."""
        calls, says = setup.required(example), setup.literals(example)
        texts = [*says, *[dict[str, Sequence[str]]()] * len(calls)]
        pairs = [
            (call, text)
            for call, text in zip(calls, texts, strict=False)
            if self._toolbox.writes(call.tool)
        ]
        return [call for call, _ in pairs], [text for _, text in pairs]

    def _check_target(self, example: Example) -> None:
        """Raise TaskError when a call of the target fails."""
        session = self.start(example)
        for call in setup.required(example):
            if error := session.call(call).error:
                raise TaskError(
                    f"example {example.id!r}: a call of its target fails: {call.tool}: {error}",
                    hint="mend the target, or setup.rows",
                )

    def _taken(self, example: Example, calls: Sequence[Call]) -> list[Call]:
        """Return the writes that the world did not refuse: what it refused did not happen."""
        session = self.start(example)
        writes = [call for call in calls if self._toolbox.writes(call.tool)]
        return [call for call in writes if not session.call(call).error]

    def _play(
        self, example: Example, writes: Sequence[Call]
    ) -> tuple[Counter[Change], list[Counter[Change]]]:
        """Return what writes change all together, and each of them."""
        session, steps = self.start(example), []
        first = session.tables
        for call in writes:
            before = session.tables
            session.call(call)
            steps.append(session.tables.changes(before, first))
        return session.tables.changes(first), steps

    def _tables(self, example: Example) -> Tables:
        setup.check_keys(example, ("rows", *setup.KEYS))
        where = f"example {example.id!r}"
        own = example.setup.get("rows", {})
        if not isinstance(own, Mapping):
            raise TaskError(f"{where}: setup.rows is {quote(own)}", hint="write rows by table")
        for table in own:
            if table not in self._kinds:
                known = did_you_mean(table, self._kinds)
                raise TaskError(f"{where}: setup.rows has a table {table!r}", hint=known)
        try:
            rows = {
                table: [*self._rows.get(table, ()), *own.get(table, ())] for table in self._kinds
            }
            check_ids(rows, self._kinds)
            return Tables(rows, self._kinds)
        except (KeyError, TypeError):
            raise TaskError(f"{where}: a row of setup.rows has no id") from None
        except ValueError as error:
            raise TaskError(f"{where}: {error}") from None


class TableSession:
    """One example's tables. A call that fails, or only looks up, leaves them as they are."""

    def __init__(self, toolbox: Toolbox, tables: Tables) -> None:
        self.tables = tables
        self._toolbox = toolbox

    def call(self, call: Call) -> Result:
        """Use a tool; see `Toolbox.use`."""
        draft = self.tables.copy()
        result = self._toolbox.use(draft, call)
        if not result.error and self._toolbox.writes(call.tool):
            self.tables = draft
        return result


def load_world(path: Path) -> World:
    """Return `WORLD` of a file; raises TaskError naming the line, or what the world lacks."""
    world: Any = user_code.load_name(path, _NAME, what="world", hint=_HINT)
    if isinstance(world, type):
        try:
            world = world()
        except Exception as error:
            raise user_code.failed(path, f"making {_NAME}", error) from error
    if missing := [member for member in _MEMBERS if not hasattr(world, member)]:
        raise TaskError(f"loading {path}: {_NAME} has no {listing(missing)}", hint=_HINT)
    found: World = world
    return found
