"""The short-term window: the last turns of the conversation that is going on.

Whole turns only, none shortened. It lives as long as its conversation's object; what must survive
is in the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rung.agents.memory_records import Turn


class Window:
    """The latest turns that fit into a number of turns and of tokens."""

    def __init__(
        self, *, max_turns: int, max_tokens: int, count_tokens: Callable[[str], int]
    ) -> None:
        self._turns: deque[Turn] = deque(maxlen=max_turns)
        self._max_tokens = max_tokens
        self._count_tokens = count_tokens

    def add(self, turn: Turn) -> None:
        """Take the next turn; the oldest go when there are too many."""
        self._turns.append(turn)

    def turns(self) -> tuple[Turn, ...]:
        """Return the turns, oldest first; a turn that is too long ends the window before it."""
        kept: list[Turn] = []
        num_tokens = 0
        for turn in reversed(self._turns):
            num_tokens += self._count_tokens(turn.text)
            if num_tokens > self._max_tokens:
                break
            kept.append(turn)
        return tuple(reversed(kept))

    def answer(self) -> str:
        """Return what the assistant said last, empty when the customer has spoken since."""
        last = self._turns[-1] if self._turns else None
        return last.text if last is not None and last.role == "assistant" else ""
