"""Rungs of training: always four arms, of an adapter of today's train split and this very model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung import init
from rung.core.errors import ConfigError
from rung.engines.fake import ALL
from rung.forms import compile_form
from rung.ladder import trained as ladder_trained
from rung.ladder.agent import NUM_SHOTS
from rung.ladder.deferral import deferring
from rung.ladder.plan import LADDER, select_rungs
from rung.ladder.rung import Situation
from rung.routes.route import Route
from rung.store import Artifacts, RunDir
from rung.tasks.task import Task
from rung.train.plan import LEARNING_RATES
from rung.train.trained import Trained, record
from rung.worlds.catalog import load
from tickets import write_csv


@pytest.fixture
def task(tmp_path: Path) -> Task:
    init("mail", write_csv(tmp_path / "mail.csv"), input="text", target="label")
    return load("mail")


def situation(task: Task, **given: Any) -> Situation:
    fields: dict[str, Any] = {
        "task": task,
        "form": compile_form(task.schema),
        "artifacts": Artifacts(),
        "model": "small",
        "capabilities": ALL,
        "answers": lambda route, examples: [],
    }
    return Situation(**fields | given)


def note(task: Task, **given: Any) -> Trained:
    fields: dict[str, Any] = {
        "adapter": "a" * 64,
        "task": task.name,
        "model": "small",
        "method": "sft",
        "style": {"prompt": "bare", "parallel": False, "learn": "answer"},
        "train_hash": task.split_hashes["train"],
        "num_texts": 100,
        "minutes": 1.0,
        "made": "2026-01-01T00:00:00Z",
    }
    trained = Trained(**fields | given)
    record(RunDir("train", task.name, {"given": sorted(given)}), trained)
    return trained


def proposed(task: Task, method: str = "sft") -> tuple[Route, ...]:
    return ladder_trained.propose(situation(task), method)


def test_four_arms_are_proposed_together(task: Task) -> None:
    note(task)
    base, form, free, held = proposed(task)
    assert [route.name for route in (base, form, free, held)] == [
        "blank",
        "form",
        "sft",
        "sft+form",
    ]
    assert [route.output for route in (base, form, free, held)] == ["blank", "form"] * 2
    assert {base.adapter, form.adapter} == {""}
    assert {free.adapter, held.adapter} == {"a" * 64}
    assert {free.prompt, held.prompt} == {"bare"}
    assert base.prompt == form.prompt == "full"
    assert len({route.hash for route in (base, form, free, held)}) == 4


def test_an_adapter_is_served_as_its_texts_were_written(task: Task) -> None:
    note(task, style={"prompt": "full", "parallel": True, "learn": "values"}, method="dpo")
    _, _, free, held = proposed(task, "dpo")
    assert (free.name, held.name, free.rung) == ("dpo", "dpo+form", "dpo")
    assert held.parallel
    assert held.prompt == "full"


def test_in_a_world_the_arms_are_agents(task: Task) -> None:
    note(task)
    world = replace(task, world="operations")
    arms = proposed(world)
    agents = [route.agent for route in arms]
    assert [agent.loop for agent in agents if agent] == [*(["text", "form"] * 2), "form"]
    assert [agent.tools for agent in agents if agent] == ["schemas", "cards", *["none"] * 3]
    assert [bool(route.adapter) for route in arms] == [False, False, True, True, True]
    held, defers = arms[3:]
    assert (defers.name, defers.rung) == ("sft+form+deferral", "deferral")
    assert held.agent is not None and not held.agent.defers
    assert defers.agent == replace(held.agent, min_p=0.5)


def test_an_engine_that_tells_no_probabilities_defers_nothing(task: Task) -> None:
    note(task)
    world = replace(task, world="operations")
    silent = replace(ALL, choice_logprobs=False)
    arms = ladder_trained.propose(situation(world, capabilities=silent), "sft")
    assert [arm.name for arm in arms] == ["blank", "agent", "sft", "sft+form"]
    assert deferring(situation(world, capabilities=silent), arms[-1]) == ()


def test_the_untrained_agent_defers_with_solved_examples_where_there_are_some(task: Task) -> None:
    (rung,) = select_rungs(["deferral"], in_world=True)
    world = replace(task, world="operations")
    (route,) = rung.propose(situation(world))
    assert route.agent is not None
    assert (route.name, route.agent.num_shots, route.agent.min_p) == (
        "agent+shots+deferral", NUM_SHOTS, 0.5,
    )  # fmt: skip
    (route,) = rung.propose(situation(replace(world, train=())))
    assert route.name == "agent+deferral"


def test_an_agent_is_told_what_is_left_if_it_was_trained_to_be(
    task: Task,
) -> None:
    world = replace(task, world="operations")
    note(task)
    assert not any(one.agent.remaining for one in proposed(world) if one.agent)
    note(task, style={"prompt": "bare", "remaining": True}, made="2026-01-02T00:00:00Z")
    agents = [one.agent for one in proposed(world) if one.agent]
    assert [agent.remaining for agent in agents] == [False, False, *[True] * 4]
    assert agents[1].max_steps < min(agent.max_steps for agent in agents[2:])
    assert len({agent.max_steps for agent in agents[2:]}) == 1
    twin = proposed(world)[2]
    assert (twin.name, twin.rung, twin.adapter) == ("agent+left", "recovery", "")


@pytest.mark.parametrize(
    "given, message",
    [
        ({"model": "other"}, "no adapter was trained"),
        ({"train_hash": "b" * 64}, "another train split"),
    ],
)
def test_an_adapter_of_something_else_is_refused(
    task: Task, given: dict[str, Any], message: str
) -> None:
    note(task, **given)
    with pytest.raises(ConfigError, match=message) as error:
        proposed(task)
    assert error.value.hint == "rung train mail --model small --method sft"


def test_each_method_has_a_rung_that_proposes_its_own_adapter(task: Task) -> None:
    note(task, adapter="1" * 64, made="2026-01-01T00:00:00Z")
    note(task, adapter="2" * 64, method="dpo", made="2026-01-02T00:00:00Z")
    assert [rung.name for rung in ladder_trained.RUNGS] == list(LEARNING_RATES)
    own = {rung.name: rung for rung in ladder_trained.RUNGS}
    assert {route.adapter for route in own["sft"].propose(situation(task))} == {"", "1" * 64}
    assert {route.adapter for route in own["dpo"].propose(situation(task))} == {"", "2" * 64}
    with pytest.raises(ConfigError, match="trained by grpo") as error:
        own["grpo"].propose(situation(task))
    assert error.value.hint == "rung train mail --model small --method grpo"


def test_what_cannot_serve_or_train_is_said(task: Task) -> None:
    note(task)
    with pytest.raises(ConfigError, match="serves no adapters"):
        ladder_trained.propose(situation(task, capabilities=replace(ALL, adapters=False)), "sft")
    with pytest.raises(ConfigError, match="has 5 train examples"):
        proposed(replace(task, train=task.train[:5]))


def test_it_is_climbed_when_named() -> None:
    assert not set(ladder_trained.RUNGS) & set(LADDER)
    for rung in ladder_trained.RUNGS:
        assert select_rungs(["form", rung.name])[-1] is rung
        assert select_rungs([rung.name], in_world=True) == (rung,)
