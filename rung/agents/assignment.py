"""Assignment: what one conversation rests on, and the system message that tells a model of it.

The static part of the message comes first and is the same for every request of a task, so that an
engine's prefix cache keeps it; what differs from request to request comes last.
"""

from __future__ import annotations

from dataclasses import dataclass

from rung.agents.actions import FINISH, Actions, actions_of, arguments_schema
from rung.agents.cards import document
from rung.agents.spec import AgentSpec
from rung.core.records import Message
from rung.engines.base import ToolOffer
from rung.tasks.task import Example
from rung.worlds.world import World

JSON_STEP = '{"tool": …, "arguments": {…}}'
TEXT_STEP = "Action: tool\nAction Input: {…}"
_RULES = "Ids are never guessed: look them up. After each step its result follows."
_SHAPES = {
    "form": f"Work step by step. Answer with one step as JSON and nothing else: {JSON_STEP}",
    "text": "Work step by step. Each step is two lines:\n"
    f"{TEXT_STEP}\nWhen all is done, write instead:\nFinal Answer: one short sentence",
    "native": "Work step by step with the tools. When all is done, answer with one short sentence.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What stays the same over one conversation."""

    spec: AgentSpec
    actions: Actions
    world: World
    example: Example
    instruction: str

    @property
    def shape(self) -> str:
        """What a turn has to look like, for messages."""
        if self.spec.loop == "text":
            return f"two lines:\n{TEXT_STEP}\nor with: Final Answer: …"
        if self.spec.loop == "native":
            return "a call of a tool, or with one short sentence."
        return f"one JSON object: {JSON_STEP}"

    @property
    def offers(self) -> tuple[ToolOffer, ...]:
        """The tools as a server is offered them; plain text is what ends the work."""
        return tuple(
            ToolOffer(
                name=tool.name, description=tool.description, parameters=arguments_schema(tool)
            )
            for tool in self.actions.tools
            if tool.name != FINISH
        )


def assignment_of(spec: AgentSpec, world: World, example: Example, instruction: str) -> Assignment:
    """Return what a conversation on this example rests on."""
    actions = actions_of(world.tools(example), abstain=spec.abstain)
    return Assignment(
        spec=spec, actions=actions, world=world, example=example, instruction=instruction
    )


def system_message(assignment: Assignment) -> Message:
    """Return what a model is told before any request."""
    parts = [*_lasting(assignment), assignment.world.brief(assignment.example).strip()]
    return Message(role="system", content="\n\n".join(part for part in parts if part))


def _lasting(assignment: Assignment) -> list[str]:
    """Return what holds for every request; nothing where the model was trained on it."""
    spec = assignment.spec
    if spec.tools == "none":
        return []
    tools = ""
    if spec.loop != "native":
        tools = document(assignment.actions.tools, spec.tools, dict(spec.card_examples))
    return [
        assignment.instruction.strip(),
        f"Tools:\n{tools}" if tools else "",
        f"{_SHAPES[spec.loop]}\n{_RULES}",
    ]
