"""Taking a specialist out of service: who takes over, after a kill too, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import jobs
from rung.flow.improve import _mode_back
from rung.flow.improve_watch import demote, mode_before, restore
from rung.gateway.schedule import Schedule
from rung.registry import promote_route, promoted
from rung.routes.route import Route
from rung.store import Store
from rung.store.modes import ModeLog
from rung.tasks.task import Task

HEAD = Route(name="head", rung="head", output="constant")


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(Store()) as opened:
        yield opened


@pytest.fixture
def task(tmp_path: Path, store: Store) -> Task:
    made = jobs.task(tmp_path)
    promote_route(store, made.name, HEAD, {})
    return made


def passed_cascade(store: Store, task: Task, name: str) -> Route:
    """Log a cascade as measured, and promoted by the gate."""
    route = Route(name=name, rung="cascade", output="cascade", stages=(HEAD, HEAD))
    receipt = {"report": {"candidates": [{"name": name, "verdict": "promote"}]}}
    payload = {"receipt": receipt, "routes": {name: route.hash}}
    for action, what in (("candidate", route.to_json()), ("verdict", payload)):
        store.append_registry(task=task.name, action=action, route_hash=route.hash, payload=what)
    return route


def mode(store: Store, task: Task) -> tuple[str, dict[str, Any]]:
    entry = ModeLog(store).current()[task.name]
    return entry.mode, entry.detail


def test_a_slot_that_the_specialist_fills_goes_to_the_frontier_and_comes_back(
    store: Store, task: Task
) -> None:
    slots = {"frontier": "http:strong", "slots": {"queue": "specialist"}}
    ModeLog(store).append(task.name, "teacher", slots, "set by hand")
    found = demote(store, task, HEAD.hash, "round 1: drift", Schedule())
    assert found["to"] == "teacher" and mode(store, task) == (
        "teacher",
        {"frontier": "http:strong"},
    )
    again = demote(store, task, HEAD.hash, "round 2: drift", Schedule())
    assert again["to"] == "" and "answers already" in again["why"]
    back = _mode_back(task, *mode_before(store, task.name))
    name = task.name
    assert back == f" && rung mode {name} teacher && rung mode {name} specialist --slot queue"
    assert restore(store, name, "round 2 promoted head") == "teacher"
    assert mode(store, task) == ("teacher", slots)
    assert _mode_back(task, *mode_before(store, name)) == ""


def test_a_cascade_takes_over_once_whatever_is_killed_and_never_for_itself(
    store: Store, task: Task
) -> None:
    first = passed_cascade(store, task, "first")
    second = passed_cascade(store, task, "second")
    ModeLog(store).append(task.name, "specialist", {}, "set by hand")
    reason = "round 1: drift"
    found = demote(store, task, HEAD.hash, reason, Schedule())
    # killed before the journal had its line
    assert demote(store, task, HEAD.hash, reason, Schedule()) == found
    assert found["route"] == "second" and serving(store, task) == second.hash
    assert len(ModeLog(store).history(task.name)) == 2

    demote(store, task, second.hash, "round 2: drift", Schedule())
    assert serving(store, task) == first.hash and mode(store, task)[0] == "cascade"
    assert mode_before(store, task.name) == ("specialist", {})


def serving(store: Store, task: Task) -> str:
    found = promoted(store, task.name)
    assert found is not None
    return found.route.hash
