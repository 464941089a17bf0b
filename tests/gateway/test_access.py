"""Who gets in, how far, and that nobody sees what is another's."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from gateways import CHAT, Upstream, gateway, kept, write_endpoints
from rung.core.config import home
from rung.core.errors import ConfigError, StoreError
from rung.gateway.access import Door
from rung.gateway.improver import Improver
from rung.gateway.serve import check_bind
from rung.gateway.settings import Limits, Settings
from rung.store import Store
from rung.store.keys import Key, KeyLog


def make_key(name: str, **rules: object) -> str:
    store = Store()
    _, text = KeyLog(store).create(name, **rules)
    store.close()
    return text


def bearer(text: str) -> str:
    return f"Bearer {text}"


def test_keys_open_what_they_are_for_and_nothing_else(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url, b=upstream.url)
    narrow = make_key("narrow", scopes=("a", "task/x"))
    wide = make_key("wide")
    with gateway() as running:

        def ask(key: str, model: str) -> tuple[int, str]:
            found = running.chat_as(key, model)
            return found.status, "" if found.status == 200 else found.json()["error"]["code"]

        assert ask("", "a") == (401, "invalid_api_key")
        assert ask(bearer("rung-wrong"), "a") == (401, "invalid_api_key")
        assert ask(bearer(narrow), "a") == (200, "")
        # a model that is there and one that is not look alike to a key without access
        assert ask(bearer(narrow), "b") == ask(bearer(narrow), "none") == (404, "model_not_found")
        assert ask(bearer(wide), "b") == (200, "")
        assert running.get("/v1/models").status == 401
        listed = running.get("/v1/models", authorization=bearer(narrow)).json()["data"]
        assert [card["id"] for card in listed] == ["a"]
        by_header = running.post(
            "/v1/chat/completions", {"model": "a", "messages": []}, x_api_key=wide
        )
        assert by_header.status == 200
        store = Store()
        KeyLog(store).revoke("wide")
        store.close()
        deadline = time.monotonic() + 5
        while ask(bearer(wide), "b")[0] != 401:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert [call.tenant for call in kept()[:3]] == ["narrow", "wide", "wide"]
    files = b"".join(path.read_bytes() for path in home().rglob("*") if path.is_file())
    assert narrow.encode() not in files and wide.encode() not in files


def test_a_revoked_key_is_refused_whatever_goes_wrong_beside(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_endpoints(a=upstream.url)
    key = bearer(make_key("k"))
    reload = Door.reload
    faults: list[Exception] = []

    def shaky(door: Door) -> None:
        if faults:
            raise faults.pop()
        reload(door)

    def broken(improver: Improver) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(Door, "reload", shaky)
    monkeypatch.setattr(Improver, "look", broken)
    with gateway() as running:
        assert running.chat_as(key).status == 200
        faults += [StoreError("the store is busy"), RuntimeError("a bug")]
        store = Store()
        KeyLog(store).revoke("k")
        store.close()
        deadline = time.monotonic() + 5
        while running.chat_as(key).status != 401:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_keys_work_on_while_they_are_read_anew() -> None:
    text = make_key("one")
    make_key("two")
    store = Store()
    log = KeyLog(store)
    door = Door(log)
    asked = [(b"x-api-key", text.encode())]

    class Watched(list[Key]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for key in super().__iter__():
                assert door.admit(asked).tenant == "one"
                yield key

    keys = Watched(log.list())
    log.list = lambda: keys  # type: ignore[method-assign]
    door.reload()
    store.close()


def test_rates_and_budgets_are_refused_with_a_reason(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    slow = make_key("slow", requests_per_minute=2)
    poor = make_key("poor", budget_usd=0.0001)
    with gateway() as running:
        answers = [running.chat_as(bearer(slow)) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].json()["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        # a call costs $0.000099, so the second one ends the budget
        spent = [running.chat_as(bearer(poor)) for _ in range(3)]
        assert [answer.status for answer in spent] == [200, 200, 429]
        assert spent[2].json()["error"]["code"] == "insufficient_quota"
    with gateway() as again:  # what was spent is not forgotten
        assert again.chat_as(bearer(poor)).status == 429


def test_the_door_is_bounded(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    limits = Limits(body_mb=0.001, in_flight=1)
    with gateway(Settings(limits=limits)) as running:
        big = running.chat("a", text="x" * 5000)
        assert (big.status, big.json()["error"]["code"]) == (413, "body_too_large")
        assert running.get("/v1/chat/completions").status == 405
        assert running.get("/nowhere").status == 404
        assert running.get("/metrics").status == 404  # only on the admin port
        assert b"rung_refusals_total" in running.get(running.admin_url + "/metrics").body
        assert running.post("/v1/messages", {"model": "a"}).json()["error"]["type"] == (
            "invalid_request_error"
        )


def test_too_many_at_once_are_refused_not_queued(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    gate = threading.Event()
    upstream.script = lambda e: (gate.wait(5), e.reply(CHAT))
    with gateway(Settings(limits=Limits(in_flight=1))) as running:
        first = threading.Thread(target=running.chat, args=("a",))
        first.start()
        while not upstream.exchanges:
            time.sleep(0.005)
        second = running.chat("a")
        gate.set()
        first.join()
    assert (second.status, second.json()["error"]["code"]) == (429, "too_many_requests")


def test_it_listens_elsewhere_only_with_keys() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_bind(host, has_keys=False)
    check_bind("0.0.0.0", has_keys=True)
    for host in ("0.0.0.0", "192.168.1.4", "::", "example.com"):
        with pytest.raises(ConfigError, match="no keys"):
            check_bind(host, has_keys=False)


def test_the_gateway_loads_nothing_heavy_until_a_task_is_asked() -> None:
    heavy = ("numpy", "scipy", "sklearn", "aiohttp", "pydantic", "jsonschema", "alembic.command")
    code = f"import sys, rung.gateway.serve; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
