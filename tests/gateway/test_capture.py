"""Nothing acknowledged is lost or told twice, and nothing personal reaches the disk."""

from __future__ import annotations

import http.client
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateways import CHAT, Upstream, gateway, kept, write_endpoints
from rung.core.clock import days_ago
from rung.core.config import home
from rung.core.errors import StoreError
from rung.gateway import passthrough
from rung.gateway import writer as writer_module
from rung.gateway.capture import Seen, conversation_of
from rung.gateway.names import Names
from rung.gateway.settings import Answers, Capture, Memory, Settings
from rung.gateway.wire import Asked
from rung.gateway.writer import BatchWriter
from rung.store import Claim, FactLog, Store, database
from rung.store.calls import Call, CallLog
from rung.store.keys import KeyLog
from rung.traces import Redactor

SERVE = "from rung.cli import main; main()"


def start() -> tuple[subprocess.Popen[str], str]:
    arguments = ["serve", "--port", "0", "--admin-port", "0", "--json"]
    running = subprocess.Popen(
        [sys.executable, "-c", SERVE, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert running.stdout is not None
    return running, json.loads(running.stdout.readline())["url"].removeprefix("http://")


def hammer(address: str, acknowledged: list[str], enough: threading.Event, number: int) -> None:
    """Ask until the gateway is gone; every answer that was read to its end is acknowledged."""
    body = json.dumps({"model": "a", "messages": [{"role": "user", "content": "x"}]})
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        while True:
            connection.request("POST", "/v1/chat/completions", body)
            answer = connection.getresponse()
            if answer.read() == CHAT:
                acknowledged.append(answer.headers["x-rung-call-id"])
            if len(acknowledged) >= number:
                enough.set()
    except (OSError, http.client.HTTPException):
        enough.set()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "rounds", [pytest.param(1, id="once"), pytest.param(20, id="20 times", marks=pytest.mark.slow)]
)
def test_what_was_acknowledged_survives_kill_9(upstream: Upstream, rounds: int) -> None:
    write_endpoints(a=upstream.url)
    acknowledged: list[str] = []
    for _ in range(rounds):
        running, address = start()
        enough = threading.Event()
        number = len(acknowledged) + 100
        clients = [
            threading.Thread(target=hammer, args=(address, acknowledged, enough, number))
            for _ in range(4)
        ]
        for client in clients:
            client.start()
        assert enough.wait(30)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
        for client in clients:
            client.join()
    assert len(acknowledged) >= 100 * rounds
    ids = [call.id for call in kept()]
    assert len(set(ids)) == len(ids)
    assert set(acknowledged) <= set(ids)


def test_nothing_personal_reaches_the_disk(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    text = "I am eve@example.com, +49 170 1234567, card 4111 1111 1111 1111, order ORD-123456"
    answer = CHAT.replace(b'"hi"', json.dumps("hello eve@example.com").encode())
    upstream.script = lambda e: e.reply(answer)
    capture = Capture(patterns={"order": r"ORD-\d{6}"})
    with gateway(Settings(capture=capture)) as running:
        reply = running.chat("a", text=text, user="eve@example.com")
        named = [{"conversation": f"{name}@example.com"} for name in ("eve", "eve", "bob")]
        for metadata in named:
            running.chat("a", text="", metadata=metadata, user="eve")
    assert reply.body == answer  # the client gets what was said
    assert json.loads(upstream.exchanges[0].body)["messages"][0]["content"] == text
    call, *others = kept()
    first, same, other = [one.conversation for one in others]
    assert first == same != other  # told apart without being named
    said = json.loads(call.request)["messages"][0]["content"]
    assert said == "I am [mail], [phone], card [card], order [order]"
    files = b"".join(path.read_bytes() for path in home().rglob("*") if path.is_file())
    for secret in (b"eve@example", b"bob@example", b"1234567", b"4111 1111", b"ORD-1"):
        assert secret not in files


def test_whom_a_conversation_is_named_by_cannot_be_guessed_from_the_store() -> None:
    def named() -> tuple[str, str, str]:
        names = Names(Redactor())
        asked = Asked(messages=b'[{"role": "user", "content": "I am eve@example.com"}]')
        given = names.given("eve@example.com", "acme")
        return given, conversation_of(asked, "", "acme", names), names.given("order-7", "acme")

    first = named()
    assert first == named()  # after a restart, too
    key = home() / "names.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.unlink()
    second = named()
    assert first[0] != second[0] and first[1] != second[1]
    assert first[2] == second[2] == "order-7"
    key.write_bytes(b"short")
    with pytest.raises(StoreError, match="5 bytes, not a key"):
        named()


def test_an_answer_that_cannot_be_recorded_is_not_given(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: CallLog, calls: Sequence[Call]) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(CallLog, "append", fail)
    assert_refused(upstream)


@pytest.mark.parametrize("mode", ["durable", "off"])
def test_an_answer_of_which_no_record_can_be_made_is_not_given(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    def fail(seen: Seen, redactor: object) -> Call:
        raise TypeError("a bug")

    store = Store()
    _, key = KeyLog(store).create("k")
    store.close()
    monkeypatch.setattr(passthrough, "finished", fail)
    assert_refused(upstream, Settings(capture=Capture(mode=mode)), key)


def assert_refused(upstream: Upstream, settings: Settings | None = None, key: str = "") -> None:
    write_endpoints(a=upstream.url)
    body = {"model": "a", "messages": []}
    with gateway(settings) as running:
        whole, stream = (
            running.post("/v1/chat/completions", body | {"stream": streamed}, x_api_key=key)
            for streamed in (False, True)
        )
    assert (whole.status, whole.json()["error"]["code"]) == (503, "capture_failed")
    assert b"[DONE]" not in stream.body and b"stream_cut" in stream.body


@pytest.mark.parametrize("mode", ["async", "off"])
def test_other_modes_of_capture(upstream: Upstream, mode: str) -> None:
    write_endpoints(a=upstream.url)
    with gateway(Settings(capture=Capture(mode=mode))) as running:
        assert running.chat("a").status == 200
    assert len(kept()) == (1 if mode == "async" else 0)  # an orderly end writes what is pending


def test_one_wait_for_the_disk_serves_many_calls() -> None:
    import asyncio

    batches: list[int] = []
    release = threading.Event()

    def append(calls: Sequence[Call]) -> None:
        batches.append(len(calls))
        release.wait(5)

    async def work() -> None:
        writer = BatchWriter(append, durable=True)
        writer.start()
        writes = [asyncio.create_task(writer.write(lambda: call("c"))) for _ in range(50)]
        while not batches and not any(task.done() for task in writes):
            await asyncio.sleep(0.001)
        assert not any(task.done() for task in writes)
        release.set()
        await asyncio.gather(*writes)
        await asyncio.to_thread(writer.close)

    asyncio.run(work())
    assert sum(batches) == 50 and len(batches) <= 2


@pytest.mark.parametrize(
    ("durable", "at_once", "pauses"), [(True, 8, 1), (True, 7, 0), (False, 8, 0)]
)
def test_only_where_many_wait_for_the_disk_is_the_next_transaction_put_off(
    monkeypatch: pytest.MonkeyPatch, durable: bool, at_once: int, pauses: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(writer_module.time, "sleep", slept.append)
    writer = BatchWriter(lambda calls: None, durable=durable)
    for number in (at_once, 1):
        writer._pending.extend((lambda: call("c"), None) for _ in range(number))
        writer._write_pending()
    assert slept == [writer_module.BUSY_GATHER_S] * pauses


def test_a_call_that_cannot_be_kept_takes_no_other_with_it() -> None:
    import asyncio

    written: list[str] = []
    began, release = threading.Event(), threading.Event()

    def append(calls: Sequence[Call]) -> None:
        began.set()
        release.wait(5)
        if any(one.prompt_tokens > 2**63 for one in calls):
            raise OverflowError("too large")
        written.extend(one.id for one in calls)

    def unmade() -> Call:
        raise ValueError("no call can be made of it")

    async def work() -> list[object]:
        writer = BatchWriter(append, durable=True)
        writer.start()
        first = asyncio.ensure_future(writer.write(lambda: call("first")))
        await asyncio.to_thread(began.wait, 5)
        makes = [lambda: call("a"), lambda: call("b", prompt_tokens=2**64), unmade]
        writes = [asyncio.ensure_future(writer.write(make)) for make in (*makes, lambda: call("c"))]
        await asyncio.sleep(0)  # all four have gathered behind the first
        release.set()
        found = await asyncio.gather(*writes, return_exceptions=True)
        await first
        await asyncio.to_thread(writer.close)
        return list(found)

    told = asyncio.run(work())
    assert [type(one).__name__ for one in told] == [
        "NoneType", "OverflowError", "ValueError", "NoneType",
    ]  # fmt: skip
    assert written == ["first", "a", "c"]


def call(id_: str, **fields: object) -> Call:
    return Call(id=id_, created="2026-11-26T00:00:00Z", model="m", status=200, **fields)


def test_calls_are_written_once_and_charged_once() -> None:
    store = Store()
    log = CallLog(store)
    many = [call(f"c{i:04}", key_id="k", cost_usd=0.5) for i in range(1200)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(log.append, [many[i : i + 100] for i in range(0, 1200, 100)]))
    assert [c.id for c in log.read()] == [c.id for c in many]
    assert [c.id for c in log.read(limit=700, after="c0100")][-1] == "c0800"
    assert KeyLog(store).spent_usd("2026-11") == {"k": 600.0}
    assert log.forget_before("2026-11-27") == 1200 and list(log.read()) == []
    store.close()


@pytest.mark.parametrize("keep_days", [30, 0])
def test_the_gateway_forgets_answers_that_are_too_old(
    keep_days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    for name, days in (("old", 31), ("young", 29)):
        monkeypatch.setattr(database, "now_utc", lambda days=days: days_ago(days))
        store.put_answer(name, {})
    settings = Settings(answers=Answers(keep_days=keep_days), memory=Memory(keep_days=30))
    log = FactLog(store, task="t", owner="ada")
    log.add(OLD_FACT)  # forgotten in the same sweep, after the answers
    with gateway(settings):
        deadline = time.monotonic() + 10
        while log.all():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert store.get_answer("young") == {}
    assert (store.get_answer("old") is None) == (keep_days == 30)
    store.close()


OLD_FACT = Claim(
    subject="user", attribute="home", value="Graz", salience=0.5, conversation="c", turn=0,
    start=0, end=4, quote="Graz.", created="2020-01-01T00:00:00Z",
)  # fmt: skip
