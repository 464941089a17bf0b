"""A task `mail` with a promoted route and a frontier, both scripted, for tests of the gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rung
import tickets
from gateways import Running, Upstream, write_endpoints
from rung.core.errors import EngineError
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.registry import promote_route
from rung.routes.route import Route
from rung.store import Store
from rung.store.modes import ModeLog

TEXT = "my parcel and the courier are late"


class Models:
    """Opens a specialist that says `billing` and a frontier that says `shipping`."""

    def __init__(self) -> None:
        self.abilities = tickets.ABILITIES
        self.down: set[str] = set()
        self.passes = True
        """Of an outage: a time-out does, a wrong key does not."""
        self.refuses: set[str] = set()
        """Models whose server answers 400 to an input that says `odd`."""
        self.short: set[str] = set()
        """Models that an input which says `long` does not fit."""
        self.asked: list[str] = []
        self.meanwhile: Callable[[str], object] = lambda model: None
        """Called with the model before it answers."""

    def open(self, model: str) -> FakeEngine:
        def say(request: Request) -> str:
            self.asked.append(model)
            self.meanwhile(model)
            if model in self.down:
                raise EngineError(f"{model} is down", retryable=self.passes)
            if model in self.refuses and "odd" in request.messages[-1].content:
                raise EngineError(f"{model} refused the request (400)", rejected=True)
            if model in self.short and "long" in request.messages[-1].content:
                raise EngineError(f"{model}: it does not fit", of_input=True)
            label = "shipping" if model.startswith("http:") else "billing"
            if request.choices:
                return next((c for c in request.choices if label in c), request.choices[0])
            return json.dumps({"label": label})

        return FakeEngine(model, script=say, capabilities=self.abilities)


def make_task(folder: Path, upstream: Upstream) -> Models:
    """Make the task `mail` with a promoted form, and the endpoint `strong`."""
    rung.init("mail", tickets.write_csv(folder / "mail.csv"), input="text", target="label")
    write_endpoints(strong=upstream.url)
    route = Route(name="form", rung="form", output="form", model="fake:weak")
    store = Store()
    promote_route(store, "mail", route, {})
    store.close()
    return Models()


def set_mode(name: str, **detail: Any) -> int:
    store = Store()
    ModeLog(store).append("mail", name, {"frontier": "http:strong"} | detail, "test")
    last = ModeLog(store).current()["mail"].id
    store.close()
    return last


def ask(running: Running, text: str = TEXT) -> tuple[Any, str, str]:
    found = running.post("/v1/tasks/mail", {"input": text})
    assert found.status == 200, found.body
    row = found.json()
    return row["output"], row["status"], row["arm"]


def wait_for_mode(running: Running, id_: int) -> None:
    deadline = time.monotonic() + 5
    while running.get(running.admin_url + "/modes").json()["mail"]["id"] < id_:
        assert time.monotonic() < deadline
        time.sleep(0.01)
