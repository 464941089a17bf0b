"""A gateway makes the rounds that are due: in a process of its own, which may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import rung
import tickets
import traffic
from gateways import Running, gateway, write_endpoints
from openai_server import OpenAIServer
from rung.core.config import home
from rung.core.errors import StoreError
from rung.flow import improve as rounds
from rung.flow import session
from rung.flow.climb import Options, climb
from rung.gateway import improver, schedule
from rung.store import Store
from rung.store.rounds import RoundLog


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    running = OpenAIServer()
    yield running
    running.stop()


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: OpenAIServer) -> str:
    """Make the task `mail` with its head in service, and the endpoint `small` to climb with."""
    rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    options = Options(models=("fake:weak",), limit=40, rungs=("blank", "head"))
    assert climb("mail", options).promoted == "head"
    write_endpoints(small=server.url)
    return "mail"


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Let the gateway look often, and give the processes it starts."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def noted(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(improver.subprocess, "Popen", noted)
    monkeypatch.setattr(improver, "LOOK_S", 0.05)
    monkeypatch.setattr(schedule, "RETRY_S", 0.0)
    return started


def events() -> list[str]:
    return [line.event for line in rounds.history("mail")]


def wait_for(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not found():
        log = home() / "improve.log"
        said = log.read_text("utf-8") if log.exists() else ""
        assert time.monotonic() < deadline, f"{events()} {said}"
        time.sleep(0.02)


def say(running: Running, text: str, label: str) -> str:
    """Ask, tell what is right, and return what was answered."""
    row = running.post("/v1/tasks/mail", {"input": text}).json()
    right = row["output"]["label"] == label
    told = {"accepted": True} if right else {"correction": {"label": label}}
    assert running.post("/v1/feedback", {"call_id": row["call_id"]} | told).status < 300
    return str(row["output"]["label"])


def test_nothing_is_started_for_a_task_that_is_not_enabled(
    mail: str, children: list[subprocess.Popen[bytes]]
) -> None:
    rounds.enable(mail, {})
    rounds.disable(mail)
    with gateway() as running:
        say(running, "my parcel and the courier are late", "shipping")
        time.sleep(0.3)
    assert children == [] and events() == ["enabled", "disabled"]


def test_a_task_whose_rounds_refuse_to_begin_rests(
    children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal knows nothing of a round that never began, so each look would find it due."""
    monkeypatch.setattr(improver, "LOOK_S", 0.0)
    with closing(Store()) as store:
        RoundLog(store).append("gone", 0, "enabled", {})
        (home() / "improve.log").mkdir()
        with pytest.raises(StoreError, match="starting a round of gone"):
            improver.Improver(store).look()
        (home() / "improve.log").rmdir()
        looking = improver.Improver(store)
        looking.look()
        assert children[0].wait() == 2  # there is no such task
        for _ in range(3):
            looking.look()
    assert len(children) == 1


@pytest.mark.slow
def test_a_round_is_killed_goes_on_and_the_running_gateway_serves_what_it_promoted(
    mail: str, children: list[subprocess.Popen[bytes]]
) -> None:
    said = traffic.inputs(120, seed=9, shifted=True)
    with gateway() as running:
        wrong = sum(say(running, text, label) != label for text, label in said)
        assert wrong > 30
        given = {"policy": "promote", "rungs": ("head",), "models": ("http:small",)}
        rounds.enable(mail, given | {"min_groups": 20, "minutes": 2.0})
        wait_for(lambda: "watched" in events())
        os.kill(children[0].pid, signal.SIGKILL)
        wait_for(lambda: "ended" in events())
        ended = rounds.history(mail)[-1].detail
        assert ended["outcome"] == "promoted", ended
        assert "resumed" in events() and events().count("began") == 1
        assert len(children) == 2  # one at a time, and the killed one once more

        fresh = traffic.inputs(40, seed=10, shifted=True)
        wait_for(lambda: say(running, *fresh[0]) == fresh[0][1])
        wrong_now = sum(say(running, text, label) != label for text, label in fresh)
        assert wrong_now / 40 < wrong / 120 / 2
    assert children[-1].poll() is not None
