"""A step as one form: the tool is a scored choice, its arguments are the form of that tool."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from board import TOOLS
from rung.agents.actions import actions_of, loose_form, read_step, step_text, tool_decision
from rung.core.errors import ConfigError, FormError
from rung.core.records import Message
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.forms import Filling, compile_form, fill, violation
from rung.forms.form import Union
from rung.forms.validity import violations
from rung.worlds.world import Call, Tool

ASK = [Message(role="user", content="Move the venue card.")]
ACTIONS = actions_of(TOOLS, abstain=True)


def parameters(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def tool(name: str, schema: dict[str, Any]) -> Tool:
    return Tool(name=name, description="", parameters=schema, writes=False)


def test_the_form_is_one_union_whose_parts_are_compiled_once_for_all_tool_sets() -> None:
    assert isinstance(ACTIONS.form.root, Union)
    assert len(ACTIONS.form.root.arms) == len(TOOLS) + 2
    fewer = actions_of(TOOLS[:2], abstain=False)
    assert fewer.names == ["people.find", "cards.search", "finish"]
    assert isinstance(fewer.form.root, Union)
    assert fewer.form.root.arms[:2] == ACTIONS.form.root.arms[:2]
    assert all(one is two for one, two in zip(fewer.form.root.arms, ACTIONS.form.root.arms[:2],
                                              strict=False))  # fmt: skip
    assert fewer.form.hash != ACTIONS.form.hash == actions_of(TOOLS, abstain=True).form.hash


def test_the_form_is_what_the_whole_schema_compiles_to() -> None:
    assert compile_form(ACTIONS.form.schema).root == ACTIONS.form.root


def test_a_world_without_tools_can_only_be_ended() -> None:
    actions = actions_of((), abstain=False)
    step = Call(tool="finish", arguments={"answer": "no"})
    assert step_text(actions, step) == '{"tool": "finish", "arguments": {"answer": "no"}}'


def test_filling_costs_one_choice_of_the_tool_and_the_slots_of_its_arguments() -> None:
    def script(request: Request) -> str:
        if request.choices:
            wanted = [text for text in request.choices if "cards.move" in text or "done" in text]
            return wanted[0]
        return 'card_903"'

    engine = FakeEngine(script=script)
    filled = fill(ACTIONS.form, engine, ASK, Filling(retries=0))
    step = read_step(filled.output)
    assert step == Call(tool="cards.move", arguments={"card_id": "card_903", "list": "done"})
    assert filled.text == step_text(ACTIONS, step)
    assert len(engine.requests) == 3
    decision = tool_decision(filled)
    assert decision is not None
    assert set(decision.probabilities) == set(ACTIONS.names)
    assert max(decision.probabilities, key=decision.probabilities.__getitem__) == "cards.move"
    assert decision.runner_up in ACTIONS.names
    assert math.isclose(decision.p - decision.margin, sorted(decision.probabilities.values())[-2])


def test_a_step_is_written_in_the_order_of_the_form() -> None:
    step = Call(tool="cards.move", arguments={"list": "done", "card_id": "card_1"})
    text = step_text(ACTIONS, step)
    assert text == ('{"tool": "cards.move", "arguments": {"card_id": "card_1", "list": "done"}}')


def test_references_inside_a_tool_lead_to_its_own_definitions() -> None:
    with_definitions = {
        "type": "object",
        "properties": {"where": {"$ref": "#/$defs/place"}},
        "required": ["where"],
        "$defs": {"place": {"enum": ["attic", "cellar"]}},
    }
    other = {**with_definitions, "$defs": {"place": {"enum": ["roof"]}}}
    actions = actions_of([tool("put", with_definitions), tool("lift", other)], abstain=False)
    for form in (actions.form, loose_form(actions)):
        assert not violation({"tool": "put", "arguments": {"where": "attic"}}, form)
        assert violation({"tool": "put", "arguments": {"where": "garden"}}, form)
    assert violation({"tool": "lift", "arguments": {"where": "attic"}}, actions.form)


def test_a_tool_without_arguments_takes_an_empty_object() -> None:
    actions = actions_of([tool("archive", {"type": "object"})], abstain=False)
    step = Call(tool="archive", arguments={})
    assert json.loads(step_text(actions, step)) == step.to_json()
    assert violation({"tool": "archive", "arguments": {"all": True}}, actions.form)


def test_the_names_of_endings_are_taken() -> None:
    with pytest.raises(ConfigError, match="two tools are called 'finish'"):
        actions_of([tool("finish", parameters())], abstain=True)


def test_arguments_that_no_form_expresses_name_their_tool() -> None:
    impossible = parameters(count={"type": "integer", "minimum": 3, "maximum": 1})
    with pytest.raises(FormError, match="the arguments of tally: "):
        actions_of([tool("tally", impossible)], abstain=True)


def test_arguments_of_an_older_draft_are_told_in_the_words_of_the_latest() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"pair": {"type": "array", "items": [{"type": "integer"}, {"enum": ["a"]}]}},
        "required": ["pair"],
    }
    old = Tool(name="old.take", description="Take.", parameters=schema, writes=True)
    actions = actions_of([*TOOLS, old], abstain=True)
    call = Call(tool="old.take", arguments={"pair": [3, "a"]})
    assert json.loads(step_text(actions, call)) == call.to_json()
    assert violations(call.to_json(), actions.form.schema) == []
    assert violations({**call.to_json(), "arguments": {"pair": ["a", 3]}}, actions.form.schema)


def test_a_tool_whose_arguments_are_no_object_is_named() -> None:
    odd: Any = True
    with pytest.raises(FormError, match="the arguments of odd: their schema is True"):
        actions_of([tool("odd", odd)], abstain=False)
