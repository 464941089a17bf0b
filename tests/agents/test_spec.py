"""A spec is plain JSON and refuses what means nothing."""

from __future__ import annotations

import json

import pytest

from rung.agents.spec import AgentSpec
from rung.core.errors import ConfigError
from rung.core.hashing import content_hash


def test_a_spec_survives_json_and_can_be_hashed() -> None:
    spec = AgentSpec(loop="text", num_shots=2, card_examples=(("cards.get", '{"card_id": "c"}'),))
    again = AgentSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert content_hash(spec.to_json()) != content_hash(AgentSpec().to_json())


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"loop": "forms"}, "did you mean 'form'?"),
        ({"tools": "docs"}, "known: schemas, cards"),
        ({"max_steps": 0}, "not 1 or more"),
        ({"max_tokens": -1}, "not 1 or more"),
        ({"max_escalated": -1}, "not 0 or more"),
        ({"max_escalated": 1, "min_p": 1.5}, "not from 0 to 1"),
        ({"min_p": 0.5, "abstain": False}, "neither escalates a step nor abstains"),
    ],
)
def test_a_value_that_means_nothing_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        AgentSpec(**fields)  # type: ignore[arg-type]


def test_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'max_steps'"):
        AgentSpec.from_json({"max_step": 3})


def test_what_is_off_leaves_no_trace_in_a_spec() -> None:
    plain = AgentSpec().to_json()
    assert plain.keys().isdisjoint(
        {"temperature", "max_escalated", "min_p", "outline", "remaining"}
    )
    spec = AgentSpec(max_escalated=2, min_p=0.4, outline=True)
    assert AgentSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
