"""What can be done in one step: a tool of the world, `finish`, `abstain`; as one form.

The form is a union told apart by the tool's name, so the name is a scored choice and the arguments
are the form of that very tool. A server that can only be given a whole schema gets one whose root
is an object (`loose_form`), because most refuse a union there; what it lets through is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from rung.core.errors import ConfigError, FormError
from rung.core.hashing import content_hash
from rung.forms import Decision, Filled, Form, answer_json, compile_form
from rung.forms.form import Object, Union
from rung.forms.normal import normalise
from rung.forms.validity import draft_of
from rung.worlds.world import Call, Tool

FINISH = "finish"
ABSTAIN = "abstain"
MAX_ANSWER_CHARS = 240
_TAG = re.compile(r'\{\s*"tool":\s*("(?:[^"\\]|\\.)*")')
_UNION = "|"
"""Where a form keeps the decision of the union at its root."""


def _ending(name: str, description: str, argument: str, about: str) -> Tool:
    text = {"type": "string", "maxLength": MAX_ANSWER_CHARS, "description": about}
    schema = {"type": "object", "properties": {argument: text}, "required": [argument]}
    return Tool(name=name, description=description, parameters=schema, writes=False)


_FINISH = _ending(FINISH, "End the work when all is done.", "answer", "one short sentence")
_ABSTAIN = _ending(
    ABSTAIN, "Hand the request to a person when it is unclear or cannot be done.", "reason", "why"
)


def finish(answer: str) -> Call:
    """Return the step that ends the work."""
    return Call(tool=FINISH, arguments={"answer": answer})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """The tools of one conversation, in order, the ways to end it last; and their form."""

    tools: tuple[Tool, ...]
    form: Form

    def find(self, name: str) -> Tool | None:
        """Return a tool by its exact name."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def spelled(self, name: str) -> str:
        """Return the tool that is spelled like this, case and separators aside, else the name."""
        name = name.strip(" \t`'\"*")
        if name in self.names:
            return name
        alike = [known for known in self.names if _spelling(known) == _spelling(name)]
        return alike[0] if len(alike) == 1 else name

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return [tool.name for tool in self.tools]

    @property
    def endings(self) -> list[str]:
        """The names of the steps that end the work."""
        return [name for name in self.names if name in (FINISH, ABSTAIN)]


def actions_of(tools: Sequence[Tool], *, abstain: bool) -> Actions:
    """Return the actions of a tool set; each tool is compiled once, whatever sets it is in.

    Raises ConfigError for a name that is taken, FormError naming a tool no form can express.
    """
    every = (*tools, _FINISH, _ABSTAIN) if abstain else (*tools, _FINISH)
    names = [tool.name for tool in every]
    if taken := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"two tools are called {taken[0]!r}", hint=f"{FINISH} and {ABSTAIN} are rung's own"
        )
    return actions_among(every)


def actions_among(tools: Sequence[Tool]) -> Actions:
    """Return the actions that these are, the endings among them; one or more.

    Raises FormError naming a tool that no form can express.
    """
    arms = [_compiled(json.dumps(_step_of(tool, "#/properties/arguments"))) for tool in tools]
    moved = [_step_of(tool, f"#/anyOf/{i}/properties/arguments") for i, tool in enumerate(tools)]
    form = Form(
        root=Union(path="", arms=tuple(arm.root for arm in arms))
        if len(arms) > 1
        else arms[0].root,
        schema={"anyOf": moved},
        hash=content_hash(["actions", *(arm.hash for arm in arms)]),
        checked=tuple(note for arm in arms for note in arm.checked),
        narrowed=tuple(note for arm in arms for note in arm.narrowed),
    )
    return Actions(tools=tuple(tools), form=form)


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Form:
    """Return the form of one tool's step: an object that begins with the tool's name."""
    schema = json.loads(text)
    try:
        form = compile_form(schema)
    except FormError as error:
        name = schema["properties"]["tool"]["const"]
        raise FormError(f"the arguments of {name}: {error.message}") from None
    assert isinstance(form.root, Object)
    return form


def loose_form(actions: Actions) -> Form:
    """Return a form of the same texts that does not tie the arguments to their tool."""
    arms = [
        arguments_schema(tool, f"#/properties/arguments/anyOf/{i}")
        for i, tool in enumerate(actions.tools)
    ]
    return compile_form(_step({"enum": actions.names}, {"anyOf": arms}))


def arguments_schema(tool: Tool, at: str = "#") -> dict[str, Any]:
    """Return the schema of a tool's arguments, made to stand at a pointer of a larger one.

    A form writes listed names only, so an object that does not say is taken to be closed. One of an
    older draft is told in the words of the latest, which the larger one is in. Raises FormError
    for what is no schema of an object.
    """
    draft = draft_of(tool.parameters)
    try:
        told = tool.parameters if draft is draft_of({}) else normalise(tool.parameters, draft)
    except FormError as error:
        raise FormError(f"the arguments of {tool.name}: {error.message}") from None
    if not isinstance(told, Mapping):
        raise FormError(f"the arguments of {tool.name}: their schema is {told!r}, not an object")
    found: dict[str, Any] = _moved(told, at)
    found.pop("$schema", None)
    return {"type": "object", "properties": {}, "additionalProperties": False, **found}


def step_text(actions: Actions, call: Call) -> str:
    """Return a step exactly as the form writes it."""
    return answer_json(actions.form, call.to_json())


def read_step(output: Mapping[str, Any]) -> Call:
    """Return the step that a filled form holds."""
    return Call(tool=output["tool"], arguments=output["arguments"])


def tool_decision(filled: Filled) -> Decision | None:
    """Return how sure the model was of the tool, its options named by the tools."""
    found = filled.decisions.get(_UNION)
    if found is None:
        return None
    named = {_named(json.loads(text)): p for text, p in found.probabilities.items()}
    return replace(found, runner_up=_named(found.runner_up), probabilities=named)


def decision_from_json(data: Mapping[str, Any] | None) -> Decision | None:
    """Rebuild a decision from the store."""
    if data is None:
        return None
    found = data["prediction_set"]
    held = None if found is None else tuple(found)
    return Decision(**{**data, "scores": tuple(data["scores"]), "prediction_set": held})


def _step_of(tool: Tool, at: str) -> dict[str, Any]:
    return _step({"const": tool.name}, arguments_schema(tool, at))


def _step(tool: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"tool": tool, "arguments": arguments},
        "required": ["tool", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, at: str) -> Any:
    """Return a schema whose references to its own root lead to where it now stands."""
    if isinstance(schema, Mapping):
        return {
            key: at + value[1:]
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _moved(value, at)
            for key, value in schema.items()
        }
    return [_moved(part, at) for part in schema] if isinstance(schema, list | tuple) else schema


def _spelling(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _named(lead: str) -> str:
    """Return the tool that a step beginning like this uses."""
    found = _TAG.match(lead)
    return str(json.loads(found[1])) if found else lead
