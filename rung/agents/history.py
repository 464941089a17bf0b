"""The turns behind the request, within a budget: what was done, and what came back.

Turns are only ever appended, so that an engine's prefix cache holds, until they outgrow the budget.
Then the oldest observations are shortened, several at once, so that the next turns are appended
again; where even that is not enough, the oldest turns go. What is left is a function of the turns
alone. Text is counted by `tokens.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rung.agents.tokens import clip, estimate_tokens
from rung.core.records import Message

OBSERVATION_SHARE = 0.5
"""Of the budget, what a single observation may take."""
_LOW_WATER = 0.7
"""What shortening goes down to, as a share of the budget."""
_SHORT_TOKENS = 16
_LEFT_OUT = "({} earlier turns are not shown)\n"

Turn = tuple[Message, ...]
"""What the model did, and one or more messages of what it was told."""


class History:
    """The turns of one conversation, oldest first."""

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens
        self._turns: list[Turn] = []
        self._num_short = 0
        self._num_gone = 0

    @property
    def num_turns(self) -> int:
        """How many turns there were, those that are gone included."""
        return self._num_gone + len(self._turns)

    @property
    def max_observation_tokens(self) -> int:
        """The most that one observation may take."""
        return int(self._max_tokens * OBSERVATION_SHARE)

    def add(self, said: Message, told: Sequence[Message]) -> None:
        """Append a turn; shorten or drop old ones where the budget is outgrown."""
        self._turns.append((said, *told))
        if self.num_tokens > self._max_tokens:
            self._shrink(int(self._max_tokens * _LOW_WATER))

    @property
    def num_tokens(self) -> int:
        """About how many tokens the turns take."""
        return sum(map(_size, self._turns))

    def messages(self) -> tuple[Message, ...]:
        """Return the turns as the conversation goes on after the request."""
        if not self._num_gone or not self._turns:
            return tuple(message for turn in self._turns for message in turn)
        said, first, *rest = self._turns[0]
        note = _LEFT_OUT.format(self._num_gone)
        noted = replace(first, content=note + first.content)
        return (said, noted, *rest, *(one for turn in self._turns[1:] for one in turn))

    def _shrink(self, target: int) -> None:
        """Shorten observations, oldest first and the last turn's never; then drop oldest turns."""
        while self.num_tokens > target and self._num_short < len(self._turns) - 1:
            said, *told = self._turns[self._num_short]
            short = [replace(one, content=clip(one.content, _SHORT_TOKENS)) for one in told]
            self._turns[self._num_short] = (said, *short)
            self._num_short += 1
        while self.num_tokens > self._max_tokens and len(self._turns) > 1:
            del self._turns[0]
            self._num_gone += 1
            self._num_short = max(self._num_short - 1, 0)


def _size(turn: Turn) -> int:
    return sum(
        estimate_tokens(message.content)
        + sum(estimate_tokens(call.arguments) for call in message.tool_calls)
        for message in turn
    )
