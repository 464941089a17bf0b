"""A stronger model beside the agent's own: it takes single steps and outlines the work.

It is told what the agent is told, the tools too where the agent was trained on them, and asked in
the agent's loop, so that what it says stands in the history as if the agent had said it. Whether a
step is in doubt is not decided here. What it cannot answer is a problem in the reply; only an
outage raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from rung.agents.assignment import Assignment, system_message
from rung.agents.conversation import Conversation, render_step
from rung.agents.episode import Help
from rung.agents.journal import Tape
from rung.agents.outline import ask_outline
from rung.agents.speak import Reply, ask, reply_from_json
from rung.core.errors import EngineError
from rung.engines.base import Engine
from rung.forms.layout import json_text

MAX_TOKENS = 1024
"""Room for a model that explains itself."""


class Stronger:
    """A stronger model in one conversation, and what it was asked for there."""

    def __init__(self, assignment: Assignment, engine: Engine) -> None:
        spec = assignment.spec
        self.helps: list[Help] = []
        """What it was asked for, in order."""
        self._engine = engine
        self._num_steps = 0
        self._assignment = replace(
            assignment,
            spec=replace(
                spec,
                tools="cards" if spec.tools == "none" else spec.tools,
                max_tokens=max(spec.max_tokens, MAX_TOKENS),
                temperature=0.0,
            ),
        )

    @property
    def model(self) -> str:
        """Its name."""
        return self._engine.model

    @property
    def may_take_a_step(self) -> bool:
        """Whether the spec lets it take one more."""
        return self._num_steps < self._assignment.spec.max_escalated

    def step(self, doubt: str, conversation: Conversation, tape: Tape) -> Reply:
        """Return the one step that it takes next in the agent's conversation."""
        self._num_steps += 1
        return self._noted(doubt, tape.said("escalation", lambda: asdict(self._ask(conversation))))

    def outline(self, tape: Tape) -> str:
        """Return the steps that it proposes; nothing where they break their form."""
        return self._noted("outline", tape.said("outline", lambda: asdict(self._propose()))).said

    def _propose(self) -> Reply:
        return _unless_refused(lambda: ask_outline(self._assignment, self._engine))

    def _noted(self, why: str, said: Mapping[str, Any]) -> Reply:
        found = reply_from_json(said)
        self.helps.append(
            Help(
                why=why,
                problem=found.problem,
                usage=found.usage,
                effort=found.effort,
                latency_ms=found.latency_ms,
            )
        )
        return found

    def _ask(self, conversation: Conversation) -> Reply:
        """Return its next turn, of several calls the first."""
        _, *rest = conversation.messages()
        messages = (system_message(self._assignment), *rest)
        reply = _unless_refused(lambda: ask(self._assignment, self._engine, messages))
        if len(reply.calls) < 2:
            return reply
        call = reply.calls[0]
        said = json_text(call.to_json())
        if self._assignment.spec.loop != "form":
            said = render_step(self._assignment, conversation, call).content
        return replace(reply, said=said, calls=(call,))


def _unless_refused(ask: Callable[[], Reply]) -> Reply:
    try:
        return ask()
    except EngineError as error:
        if not (error.of_input or error.refused):
            raise
        return Reply(said="", problem=str(error))
