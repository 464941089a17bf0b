"""How much a task takes on at once: batches, queues, and work beside answers."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateways import Upstream, gateway, kept
from mailroom import TEXT, Models, make_task
from rung.gateway import rollouts, service
from rung.gateway.desk import Desk
from rung.gateway.refusal import Refusal
from rung.gateway.settings import Limits, Settings
from rung.store import Store
from rung.store.keys import KeyLog
from rung.store.modes import ModeLog


@pytest.fixture
def models(tmp_path: Path, upstream: Upstream) -> Models:
    return make_task(tmp_path, upstream)


def test_each_input_of_a_batch_counts_for_rate_and_budget(models: Models) -> None:
    store = Store()
    _, slow = KeyLog(store).create("slow", requests_per_minute=2)
    _, poor = KeyLog(store).create("poor", budget_usd=1e-12)
    store.close()
    with gateway(Settings(limits=Limits(task_queue=4)), open_engine=models.open) as running:
        for key, num, code in ((poor, 1, "insufficient_quota"), (slow, 2, "rate_limit_exceeded")):
            rows = running.post(
                "/v1/tasks/mail", {"inputs": [TEXT] * 4}, authorization=f"Bearer {key}"
            ).json()["results"]
            told = [row["error"]["code"] if "error" in row else row["status"] for row in rows]
            assert told == ["ok"] * num + [code] * (4 - num)


def test_a_batch_has_the_time_of_one_request(models: Models) -> None:
    release = threading.Event()
    models.meanwhile = lambda model: release.wait(30)
    limits = Limits(task_queue=8, request_s=1.0)
    with gateway(Settings(limits=limits), open_engine=models.open) as running:
        # two at a time: with a second for each they would take 15
        began = time.monotonic()
        rows = running.post("/v1/tasks/mail", {"inputs": [TEXT] * 30}).json()["results"]
        assert time.monotonic() - began < 10
        release.set()
    assert {row["error"]["code"] for row in rows} == {"task_timeout"}
    assert len(models.asked) <= 1 and len(kept()) == 30


def test_a_batch_ends_when_its_client_leaves(models: Models) -> None:
    began = threading.Event()
    models.meanwhile = lambda model: (began.set(), time.sleep(0.2))
    with gateway(Settings(limits=Limits(task_queue=4)), open_engine=models.open) as running:
        host, port = running.url.removeprefix("http://").split(":")
        body = json.dumps({"inputs": [TEXT] * 40}).encode()
        with socket.create_connection((host, int(port))) as client:
            head = b"POST /v1/tasks/mail HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
            client.sendall(head % len(body) + body)
            assert began.wait(20)
        deadline = time.monotonic() + 20
        while b"rung_in_flight 0.0" not in running.get(running.admin_url + "/metrics").body:
            assert time.monotonic() < deadline
    assert len(models.asked) == len(kept()) < 20  # what was under way is kept, for it cost


def test_work_beside_leaves_room_and_a_slow_engine_holds_up_no_other(models: Models) -> None:
    release = threading.Event()
    models.meanwhile = lambda model: model.startswith("http:") or release.wait(60)
    store = Store()
    desk = Desk(store, queue=8, open_engine=models.open)

    async def ends(work: Coroutine[Any, Any, Any]) -> str:
        try:
            return str((await work).status)
        except Refusal as refusal:
            return refusal.code

    async def work() -> tuple[list[str], list[str], str]:
        beside = [asyncio.ensure_future(ends(desk.answer("mail", TEXT, beside=True)))
                  for _ in range(4)]  # fmt: skip
        await asyncio.sleep(0)
        asked = [asyncio.ensure_future(ends(desk.answer("mail", TEXT))) for _ in range(9)]
        await asyncio.sleep(0)
        elsewhere = await ends(desk.answer("mail", TEXT, frontier="http:strong"))
        release.set()
        return await asyncio.gather(*beside), await asyncio.gather(*asked), elsewhere

    try:
        beside, asked, elsewhere = asyncio.run(work())
    finally:
        release.set()
        desk.close()
        store.close()
    assert beside == ["ok"] * 2 + ["queue_full"] * 2  # a quarter of the queue
    assert asked == ["ok"] * 8 + ["queue_full"]
    assert elsewhere == "ok"


def test_an_engine_is_never_waited_for_with_the_desk_locked(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rung.routes.runtime import Runtime

    store = Store()
    desk = Desk(store, queue=8, open_engine=models.open)
    locked = []
    opened = Runtime.engine

    def engine(self: Runtime, model: str, adapter: str = "") -> Any:
        locked.append(desk._lock._is_owned())  # type: ignore[attr-defined]
        return opened(self, model, adapter)

    monkeypatch.setattr(Runtime, "engine", engine)
    try:
        for frontier in ("", "http:strong"):
            asyncio.run(desk.answer("mail", TEXT, frontier=frontier))
    finally:
        desk.close()
        store.close()
    assert len(locked) >= 2 and not any(locked)


def test_a_canary_with_much_to_judge_is_judged_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def look(store: Store, task: str, mode: object) -> None:
        looks.append(task)
        time.sleep(0.1)

    monkeypatch.setattr(rollouts, "carry_on", look)
    monkeypatch.setattr(service, "JUDGE_S", 0.02)
    with gateway():
        store = Store()
        ModeLog(store).append("mail", "canary", {"frontier": "http:strong"}, "test")
        store.close()
        deadline = time.monotonic() + 20
        while not looks:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(1.0)
    assert len(looks) == 1  # the next one comes two seconds after the first
