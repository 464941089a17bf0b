"""What an agent remembers of the person whose request it works on, in service and when measured.

In service it is what they said in earlier requests, kept in the store under their name. A labelled
example tells it itself (`earlier`): that is read into a store in memory, so that measuring leaves
nothing behind. What a sentence states, and what of it matters now, `agents/memory.py` decides.
"""

from __future__ import annotations

from uuid import uuid4

from rung.agents.memory import Memory
from rung.agents.memory_records import Turn
from rung.core.clock import now_utc
from rung.core.hashing import content_hash
from rung.store import Store
from rung.tasks.task import Example


class Remembering:
    """The memories of one task's people."""

    def __init__(self, store: Store, task: str) -> None:
        self._store = store
        self._task = task
        self._measured: Store | None = None
        self._read: set[str] = set()

    def of(self, example: Example) -> Memory:
        """Return what was said before this request."""
        if example.owner:
            # Two requests of one second are two conversations, or the later one's facts are lost.
            return self._memory(self._store, example.owner, f"{now_utc()} {uuid4().hex}")
        owner = content_hash(example.earlier)
        measured = self._measured = self._measured or Store("sqlite://")
        for at, turns in enumerate(() if owner in self._read else example.earlier):
            memory = self._memory(measured, owner, str(at))
            for number, text in enumerate(turns):
                memory.observe(Turn(number=number, role="user", text=text))
        self._read.add(owner)
        return self._memory(measured, owner, "now")

    def close(self) -> None:
        """Forget what was read for measuring."""
        if self._measured is not None:
            self._measured.close()
            self._measured = None
            self._read.clear()

    def _memory(self, store: Store, owner: str, conversation: str) -> Memory:
        return Memory(store, task=self._task, owner=owner, conversation=conversation)


def hear(memory: Memory, example: Example) -> None:
    """Keep what a request in service states, for the next one of its owner."""
    if example.owner:
        memory.observe(Turn(number=0, role="user", text=example.input))
