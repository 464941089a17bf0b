"""What is still to do of what was found: the rows of the last look-up that no write has named.

A small model that deletes five meetings loses count of them; code does not. After each write the
observation says which of the rows are left, or that none is. Whether they are meant is the model's
to say: a look-up may show rows that the request does not speak of. Nothing here asks a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.agents.ids import is_id_key, records_named
from rung.agents.seen import records_in
from rung.worlds.world import Call, Result, Tool

MAX_SHOWN = 8
"""Ids named; of the others only the number is said."""


class Remaining:
    """The ids of the last look-up's rows, and which of them writes have named."""

    def __init__(self) -> None:
        self._ids: tuple[str, ...] = ()
        self._named: set[str] = set()

    def note(self, call: Call, result: Result, tool: Tool) -> str:
        """Take a call; return what to say behind its observation, nothing where nothing counts."""
        if result.error:
            return ""
        if not tool.writes:
            self._take(result.value)
            return ""
        named = records_named(call.arguments, tool.parameters) & set(self._ids)
        if not named:
            return ""
        self._named |= named
        left = [one for one in self._ids if one not in self._named]
        if not left:
            return f" All {len(self._ids)} found are done."
        more = f" and {len(left) - MAX_SHOWN} more" if len(left) > MAX_SHOWN else ""
        return f" Found and left: {', '.join(left[:MAX_SHOWN])}{more}."

    def _take(self, value: Any) -> None:
        """Keep a table's ids; another look-up of one record or none lets the table stand."""
        records = [record for record in records_in(value) if isinstance(record, Mapping)]
        if len(records) > 1 and (ids := _ids_of(records)):
            self._ids, self._named = ids, set()


def _ids_of(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the ids that tell records apart: of the first key named like one that can."""
    for key in filter(is_id_key, map(str, records[0])):
        ids = {str(one[key]) for one in records if one.get(key) is not None}
        if len(ids) == len(records):
            return tuple(str(one[key]) for one in records)
    return ()
