"""Agents on the real 135M model: valid steps, limits kept, the prefix cache reused, repeatable."""

from __future__ import annotations

from typing import Any

import pytest

from board import INSTRUCTION, MAIL, MOVE, TOOLS, Board
from rung.agents.actions import actions_of
from rung.agents.cards import document
from rung.agents.recovery import argument_problems
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec

pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
pytest.importorskip("llguidance", reason="pip install 'rung[local]'")

pytestmark = pytest.mark.model
SPEC = AgentSpec(max_steps=4, max_tokens=48, num_shots=1, history_tokens=500)


def test_steps_of_the_form_loop_are_valid_and_reuse_the_cache(llama: Any) -> None:
    episode = run_agent(SPEC, llama, Board(), MOVE, INSTRUCTION, shots=[MAIL])
    actions = actions_of(TOOLS, abstain=True)
    assert 1 <= len(episode.steps) <= 4
    for step in episode.steps:
        assert step.call is not None
        tool = actions.find(step.call.tool)
        assert tool is not None
        assert not argument_problems(step.call, tool.parameters)
        assert step.choice is not None
        assert sum(step.choice.probabilities.values()) == pytest.approx(1.0, abs=1e-3)
    first, *later = [step.usage for step in episode.steps]
    for usage in later:
        assert usage.cached_tokens >= first.prompt_tokens + first.cached_tokens - 8
        assert usage.prompt_tokens < first.prompt_tokens + first.cached_tokens


def test_an_episode_is_the_same_with_a_cold_and_a_warm_cache(llama: Any) -> None:
    runs = [run_agent(SPEC, llama, Board(), MAIL, INSTRUCTION, shots=[MOVE]) for _ in range(2)]
    assert runs[0].steps[0].said == runs[1].steps[0].said
    assert [run.status for run in runs] == [runs[0].status] * 2
    assert runs[0].calls == runs[1].calls


def test_the_text_loop_ends_within_its_limits_whatever_is_written(llama: Any) -> None:
    spec = AgentSpec(loop="text", max_steps=3, max_tokens=48, num_shots=1, history_tokens=500)
    episode = run_agent(spec, llama, Board(), MOVE, INSTRUCTION, shots=[MAIL])
    assert episode.status in ("ok", "abstained", "failed")
    assert len(episode.steps) >= 1
    assert episode.usage.output_tokens <= 3 * 48


def test_cards_save_seventy_per_cent_of_the_schemas_in_the_models_own_tokens(llama: Any) -> None:
    cards, schemas = (llama.count_tokens(document(TOOLS, how)) for how in ("cards", "schemas"))
    assert cards < 0.3 * schemas
