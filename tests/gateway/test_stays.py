"""Of a task with `local_only` nothing leaves this machine, seen from outside of the process."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import rung
import tickets
from gateways import CHAT, DONE, Exchange, Running, Upstream, chunk, write_endpoints
from rung.core.config import home
from rung.registry import promote_route
from rung.routes.route import Route
from rung.store import Store
from rung.store.modes import ModeLog
from wiretap import Wiretap

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")

FAR = "192.0.2.1"
"""Of TEST-NET-1 (RFC 5737): nobody has this address."""
TEXT = "my parcel and the courier are late"
SERVE = "import os; print(os.getpid(), flush=True); from rung.cli import main; main()"


@pytest.fixture(params=[pytest.param("strace", marks=pytest.mark.slow), "shim"])
def tap(request: pytest.FixtureRequest, tmp_path: Path) -> Wiretap:
    return Wiretap(request.param, tmp_path)


@pytest.fixture
def task(tmp_path: Path, upstream: Upstream) -> str:
    """Make the task `mail`, answered by random bytes, and the endpoints `near` and `far`."""
    rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")
    upstream.script = answer
    write_endpoints(near=upstream.url, far=f"http://{FAR}:9/v1")
    path = home() / "engines.toml"
    near, far = path.read_text("utf-8").split("[engines.far]")
    path.write_text(near + "[engines.far]" + far.replace('server = "openai"\n', ""), "utf-8")
    serve_by("fake:random:1")
    return "mail"


def answer(exchange: Exchange) -> None:
    if exchange.json().get("stream"):
        exchange.events(chunk("hello"), chunk(None, "stop"), DONE)
    elif "/embeddings" in exchange.head:
        exchange.reply(b'{"data": []}')
    else:
        exchange.reply(CHAT.replace(b'"hi"', json.dumps('{"label": "shipping"}').encode()))


def serve_by(model: str) -> None:
    store = Store()
    promote_route(store, "mail", Route(name="form", rung="form", output="form", model=model), {})
    store.close()


def set_mode(name: str, **detail: Any) -> None:
    """Write a mode past every check, as an older version or another program might."""
    store = Store()
    ModeLog(store).append("mail", name, detail, "test")
    store.close()


@contextmanager
def served(tap: Wiretap) -> Iterator[Running]:
    """Run `rung serve` under the tap."""
    arguments = ["serve", "--port", "0", "--admin-port", "0", "--json", "--drain", "1"]
    process = tap.start([sys.executable, "-c", SERVE, *arguments])
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    try:
        told = json.loads(process.stdout.readline())
        yield Running(url=told["url"], admin_url=told["admin_url"])
    finally:
        os.kill(pid, signal.SIGTERM)
        process.communicate(timeout=20)


def ask_in_every_way(running: Running) -> list[int]:
    """Return the statuses of one request of every kind that a task takes."""
    answers = [
        running.chat("task/mail", text=TEXT),
        running.chat("task/mail", text=TEXT, stream=True),
        running.post("/v1/tasks/mail", {"input": TEXT}),
        running.post("/v1/tasks/mail", {"inputs": [TEXT, "late parcel"]}),
    ]
    for questions in ({}, {"angry": {"type": "noul", "instructions": "Is it?"}}):
        body = {"model": "task/mail", "state": {"text": TEXT}, "questions": questions}
        answers.append(running.post("/v1/systemone", body))
    call_id = answers[0].headers["x-rung-call-id"]
    answers.append(running.post("/v1/feedback", {"call_id": call_id, "accepted": True}))
    return [found.status for found in answers]


def ask_all_else(running: Running) -> list[int]:
    paths = ("/v1/models", "/v1/models/near", "/openapi.json", "/healthz", "/readyz")
    own = [running.get(path) for path in paths]
    own += [running.get(running.admin_url + path) for path in ("/metrics", "/modes")]
    passed = [running.chat("near"), running.chat("near", stream=True)]
    passed.append(running.post("/v1/completions", {"model": "near", "prompt": "x"}))
    passed.append(running.post("/v1/embeddings", {"model": "near", "input": "x"}))
    return [found.status for found in own + passed]


def change(running: Running, **wanted: Any) -> None:
    """Wait until the gateway has seen what was changed in the store."""
    deadline = time.monotonic() + 10
    while True:
        shown = running.get(running.admin_url + "/modes").json()["mail"]
        if all(shown["detail"].get(key, shown.get(key)) == value for key, value in wanted.items()):
            return
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)


@pytest.mark.slow
def test_nothing_of_a_local_task_leaves(task: str, tap: Wiretap) -> None:
    path = home() / "tasks" / task / "task.toml"
    path.write_text("local_only = true\n" + path.read_text("utf-8"), "utf-8")
    with served(tap) as running:
        assert set(ask_all_else(running)) == {200}
        for name in ("specialist", "teacher", "shadow", "cascade", "canary"):
            set_mode(name, frontier="http:near", min_p=1.0, audit_share=1.0, stage=2)
            change(running, mode=name)
            assert set(ask_in_every_way(running)) <= {200, 502}, name
        for name in ("teacher", "shadow", "cascade", "canary"):
            set_mode(name, frontier="http:far", min_p=1.0, stage=0)
            change(running, mode=name, frontier="http:far")
            ask_in_every_way(running)
        for own in ("teacher", "shadow"):
            set_mode("specialist", frontier="http:far", slots={"label": own})
            change(running, mode="specialist", slots={"label": own})
            ask_in_every_way(running)
        serve_by("http:far")
        set_mode("specialist")
        change(running, mode="specialist")
        assert set(ask_in_every_way(running)[:3]) == {503}
    assert tap.seen(), "the instrument saw nothing at all"
    assert tap.left() == set()


@pytest.mark.parametrize("way", ["passed on", "by the frontier"])
def test_what_may_leave_is_seen_by_the_same_instrument(task: str, tap: Wiretap, way: str) -> None:
    with served(tap) as running:
        if way == "passed on":
            assert running.chat("far").status in (502, 504)
        else:
            set_mode("teacher", frontier="http:far")
            change(running, mode="teacher")
            running.post("/v1/tasks/mail", {"input": TEXT})
    assert tap.left() == {FAR}
