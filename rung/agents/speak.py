"""Ask the model for its next step: one request a turn.

The action form is filled (`form`), a blank page is read (`text`), or the server is offered tools
(`native`). Whatever comes back, the result is calls or a problem in words; bad content never
raises, an engine that cannot answer does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rung.agents.actions import (
    FINISH,
    Actions,
    decision_from_json,
    finish,
    loose_form,
    read_step,
    step_text,
    tool_decision,
)
from rung.agents.assignment import Assignment
from rung.agents.reading import Reading, read_text
from rung.agents.spec import AgentSpec
from rung.core.records import Effort, Message, ToolCall, Usage
from rung.core.seeds import derive_seed
from rung.engines.base import Engine, Request
from rung.forms import Decision, Filled, Filling, Form, fill
from rung.forms.lenient import find_objects
from rung.worlds.world import Call

STOPS = ("\nObservation:",)
"""Where a model on a blank page would go on to invent what the tool answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One turn of the model."""

    said: str
    """What it wrote, as the history shows it."""
    calls: tuple[Call, ...] = ()
    problem: str = ""
    """Why there is no call."""
    bare: bool = False
    """It ends the work with text that calls no tool and does not say that it is final."""
    choice: Decision | None = None
    """How sure the model was of the tool, where the engine says."""
    p: float | None = None
    """Probability of what it was least sure of: the tool, or an argument that is a choice."""
    usage: Usage = field(default_factory=Usage)
    effort: Effort = field(default_factory=Effort)
    latency_ms: float = 0.0


def ask(assignment: Assignment, engine: Engine, messages: Sequence[Message]) -> Reply:
    """Return the next step."""
    if assignment.spec.loop == "text":
        return _on_blank_page(assignment, engine, messages)
    if assignment.spec.loop == "native":
        return _by_server(assignment, engine, messages)
    return _in_form(assignment, engine, messages)


def _in_form(assignment: Assignment, engine: Engine, messages: Sequence[Message]) -> Reply:
    spec, actions = assignment.spec, assignment.actions
    slotwise = _can_go_slotwise(engine, actions.form)
    filled = fill(
        actions.form if slotwise else loose_form(actions),
        engine,
        messages,
        Filling(
            max_tokens=spec.max_tokens,
            retries=0,
            temperature=spec.temperature,
            seed=_seed(spec, messages),
            asking="slots" if slotwise else "auto",
        ),
        source=assignment.example.input,
    )
    calls, said = _steps_of(filled, actions, whole=not slotwise)
    return Reply(
        said=said,
        calls=calls,
        problem="" if calls else filled.reason,
        choice=tool_decision(filled),
        p=min((decision.p for decision in filled.decisions.values()), default=None),
        usage=filled.usage,
        effort=filled.effort,
        latency_ms=filled.latency_ms,
    )


def _steps_of(filled: Filled, actions: Actions, *, whole: bool) -> tuple[tuple[Call, ...], str]:
    """Return the steps of a filled form and how the history shows them.

    What a server wrote past its schema is read like free text, so that the check of the call can
    name the very argument that is wrong.
    """
    if filled.output is not None:
        step = read_step(filled.output)
        return (step,), step_text(actions, step)
    cut = filled.reason.startswith("cut")
    reading = read_text(filled.text, actions) if whole and not cut else Reading()
    return (() if reading.bare else reading.calls), filled.text


def _can_go_slotwise(engine: Engine, form: Form) -> bool:
    """Return whether the engine decides slot by slot, so that the union costs one choice."""
    can = engine.capabilities
    if can.tokens:
        return True
    conflict = ("prefix", "choices") in can.conflicts
    whole = any(getattr(slot, "json_schema", "") for slot in form.slots())
    return can.prefix and can.choices and can.regex and not conflict and not whole


def _on_blank_page(assignment: Assignment, engine: Engine, messages: Sequence[Message]) -> Reply:
    spec, actions = assignment.spec, assignment.actions
    completion = engine.complete(
        Request(
            messages=tuple(messages),
            stop=STOPS,
            max_tokens=spec.max_tokens,
            temperature=spec.temperature,
            seed=_seed(spec, messages),
        )
    )
    cut = completion.finish_reason == "length"
    reading = read_text(_closed(completion.text) if cut else completion.text, actions)
    if cut and (not reading.calls or any(call.tool == FINISH for call in reading.calls)):
        reading = Reading(problem=f"cut at {spec.max_tokens} tokens, its end is missing")
    return Reply(
        said=completion.text,
        calls=reading.calls,
        problem=reading.problem,
        bare=reading.bare,
        usage=completion.usage,
        latency_ms=completion.latency_ms,
    )


def _by_server(assignment: Assignment, engine: Engine, messages: Sequence[Message]) -> Reply:
    spec = assignment.spec
    completion = engine.complete(
        Request(
            messages=tuple(messages),
            tools=assignment.offers,
            max_tokens=spec.max_tokens,
            temperature=spec.temperature,
            seed=_seed(spec, messages),
        )
    )
    calls = tuple(_called(call, assignment.actions) for call in completion.tool_calls)
    problem = ""
    if not calls and completion.finish_reason == "length":
        problem = f"cut at {spec.max_tokens} tokens, its end is missing"
    elif not calls and not completion.text.strip():
        problem = "it was empty"
    elif not calls:
        calls = (finish(completion.text),)
    return Reply(
        said=completion.text,
        calls=calls,
        problem=problem,
        usage=completion.usage,
        latency_ms=completion.latency_ms,
    )


def _seed(spec: AgentSpec, messages: Sequence[Message]) -> int:
    """Return the turn's seed; turns that are drawn do not draw alike."""
    return derive_seed(spec.seed, len(messages)) if spec.temperature > 0 else spec.seed


def _called(call: ToolCall, actions: Actions) -> Call:
    """Return a call of a server; arguments that cannot be read stay text, for the check to show."""
    name = actions.spelled(call.name)
    if call.arguments.strip() in ("", "{}", "null"):
        return Call(tool=name, arguments={})
    found = next(find_objects(call.arguments), None)
    return Call(tool=name, arguments={"arguments": call.arguments} if found is None else found)


def _closed(text: str) -> str:
    """Return the part of a cut text up to its last closing bracket, if all are closed there."""
    part = text[: max(text.rfind(sign) for sign in "})>") + 1]
    return part if part.count("{") == part.count("}") else ""


def reply_from_json(data: Mapping[str, Any]) -> Reply:
    """Rebuild a reply from a journal."""
    return Reply(
        **{
            **data,
            "calls": tuple(Call(**call) for call in data["calls"]),
            "choice": decision_from_json(data["choice"]),
            "usage": Usage(**data["usage"]),
            "effort": Effort(**data["effort"]),
        }
    )
