"""A task with a world, from climb to answer: the ladder of agents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

import rung
from rung.agents.actions import finish
from rung.core.errors import RungError
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.flow import session
from rung.flow.decide import gate
from rung.flow.run import run_route
from rung.ladder.agent import AGENT_LADDER
from rung.tasks.holdout import read_holdout
from rung.tasks.task import Example
from rung.worlds.catalog import make_bundled
from rung.worlds.operations import Operations
from rung.worlds.world import Call


class Office:
    """A model that fills action forms as the oracle would, and only chats on a blank page."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = tuple(examples)

    def __call__(self, request: Request) -> str:
        if request.schema is None:
            return "Certainly! Let me think about that."
        contents = [message.content for message in request.messages]
        at, example = next(
            (i, example)
            for i in reversed(range(len(contents)))
            for example in self._examples
            if contents[i].endswith(example.input)
        )
        done = sum(message.role == "assistant" for message in request.messages[at:])
        steps: list[Call] = [*Operations().oracle(example), finish("All done.")]
        return json.dumps(steps[done].to_json())


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Any:
    task = make_bundled("operations", "ops", num_train=8, num_dev=12, num_holdout=12)
    model = Office((*task.train, *task.dev, *read_holdout(task)))
    abilities = Capabilities(schema=True)
    monkeypatch.setattr(
        session,
        "open_engine",
        lambda name, told=None: FakeEngine(name, script=model, capabilities=abilities),
    )
    return task


@pytest.mark.slow
def test_a_world_has_a_ladder_of_its_own(office: Any) -> None:
    climb = rung.climb("ops", rung.Options(models=("fake:office",), limit=12))
    dev = {arm.route: arm for arm in climb.arms if arm.split == "dev"}
    assert list(dev) == [
        "empty", "oracle", "blank", "form", "form+cards", "form+guards", "agent", "agent+shots",
    ]  # fmt: skip
    assert dev["empty"].score == dev["blank"].score == 0.0
    assert dev["oracle"].strict == dev["form"].strict == dev["agent+shots"].strict == 1.0
    assert {row.cause for row in dev["blank"].rows} <= {"missing_action", "malformed"}
    assert climb.verdict == "promote"
    assert climb.incumbent == "blank"
    assert [line.question for line in climb.answered if "guards" in line.question]
    answer = next(iter(rung.ask("ops", [office.dev[0].input])))
    assert answer.output is not None and answer.output["answer"] == "All done."
    with pytest.raises(RungError, match="played in a simulated world"):
        next(iter(rung.ask("ops", ["Please tidy up."])))


def test_only_rungs_of_this_ladder_can_be_named(office: Any) -> None:
    names = ", ".join(one.name for one in AGENT_LADDER)
    with pytest.raises(RungError, match=f"choose from {names}"):
        rung.climb("ops", rung.Options(models=("fake:office",), rungs=("head",)))


def test_a_route_that_was_run_can_be_gated(office: Any) -> None:
    arm, _ = run_route("ops", "agent", model="fake:office", limit=4)
    assert arm.strict == 1.0
    shown, _ = run_route("ops", "agent+shown", model="fake:office", limit=4)
    assert (shown.rung, shown.strict) == ("shown", 1.0)
    with pytest.raises(
        RungError, match=r"no measured route 'blank' \(there are: agent, agent\+shown\)"
    ):
        gate("ops", "agent")
    run_route("ops", "blank", model="fake:office", limit=4)
    assert gate("ops", "agent", limit=12).report.incumbent == "blank"


def test_a_trained_route_needs_its_adapter(office: Any) -> None:
    with pytest.raises(RungError, match="serves no adapters"):
        run_route("ops", "sft+form", model="fake:office")
