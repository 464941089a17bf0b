"""`rung ask` on a system that outlives the process: a killed run goes on, nothing is done twice."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import rung
from board import MAIL, STATE, Board, Desk, step, write_task
from rung.agents.spec import AgentSpec
from rung.core.config import home
from rung.core.errors import EngineError, StoreError
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.flow import session
from rung.registry import promote_route
from rung.routes.route import Route
from rung.store import Store
from rung.worlds import user_world
from rung.worlds.world import Call, Result

SAID = [
    step("people.find", name="Bo"),
    step("mail.send", to="bo.ray@kite.io", subject="Prices", body="done"),
    step("cards.search", query="venue"),
    step("cards.move", card_id="card_903", list="doing"),
    step("finish", answer="Sent."),
]


@dataclass
class Lasting(Board):
    """An office whose state is elsewhere, like that of an MCP server."""

    desk: LastingDesk = field(default_factory=lambda: LastingDesk(copy.deepcopy(STATE)))

    def start(self, example: Any) -> LastingDesk:
        return self.desk


@dataclass
class LastingDesk(Desk):
    doubts: list[str] = field(default_factory=list)

    def call_in_doubt(self, call: Call) -> Result:
        self.doubts.append(call.tool)
        return Result(error="the run was ended.", fault="tool")


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Lasting:
    rows = [
        {"id": f"{split}{n}", "input": f"{split} {n}", "target": {"calls": []}, "split": split}
        for split in ("train", "dev", "holdout")
        for n in range(3)
    ]
    write_task(rows)
    world = Lasting()
    monkeypatch.setattr(user_world, "load_world", lambda path: world)
    route = Route(
        name="agent", rung="recovery", output="agent", model="fake:desk", agent=AgentSpec()
    )
    store = Store()
    promote_route(store, "desk", route, {})
    store.close()
    return world


def speaks(monkeypatch: pytest.MonkeyPatch, script: Callable[[int], str]) -> list[int]:
    """Let the model take the step that the script has for its number; return those asked for."""
    asked: list[int] = []

    def say(request: Any) -> str:
        number = sum(message.role == "assistant" for message in request.messages)
        asked.append(number)
        return script(number)

    engine = FakeEngine("fake:desk", script=say, capabilities=Capabilities(schema=True))
    monkeypatch.setattr(session, "open_engine", lambda name, told=None: engine)
    return asked


def ask(text: str = MAIL.input) -> Any:
    return next(iter(rung.ask("desk", [text])))


def journals() -> list[Path]:
    return sorted((home() / "journals").glob("*"))


def test_after_an_outage_the_work_goes_on_behind_the_last_step(
    office: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(number: int) -> str:
        if number == 2:
            raise EngineError("gone", retryable=False)
        return SAID[number]

    speaks(monkeypatch, gone)
    with pytest.raises(EngineError):
        ask()
    assert len(office.desk.state["sent"]) == len(journals()) == 1
    asked = speaks(monkeypatch, SAID.__getitem__)
    found = ask()
    assert (found.status, found.output["answer"], asked) == ("ok", "Sent.", [2, 3, 4])
    assert len(office.desk.state["sent"]) == 1 and office.desk.doubts == []
    assert journals() == []
    assert ask().output == found.output and asked == [2, 3, 4]  # answered, so not acted on again


def test_a_write_that_a_kill_broke_off_is_not_made_again(
    office: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Desk.call

    def killed(desk: Desk, call: Call) -> Result:
        real(desk, call)
        raise KeyboardInterrupt

    speaks(monkeypatch, SAID.__getitem__)
    with monkeypatch.context() as patched:
        patched.setattr(LastingDesk, "call", lambda desk, call: (
            killed if call.tool == "mail.send" else real)(desk, call))  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            ask()
    assert len(office.desk.state["sent"]) == 1
    found = ask()
    assert found.status == "ok" and office.desk.doubts == ["mail.send"]
    assert len(office.desk.state["sent"]) == 1
    assert office.desk.state["cards"][1]["list"] == "doing"


def test_two_requests_have_a_journal_each(office: Lasting, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(number: int) -> str:
        raise EngineError("gone", retryable=False)

    speaks(monkeypatch, gone)
    for text in ("one", "two"):
        with pytest.raises(EngineError):
            ask(text)
    assert len(journals()) == 2
    speaks(monkeypatch, SAID.__getitem__)
    assert ask("two").status == "ok"
    assert len(journals()) == 1


def test_a_write_that_failed_on_the_way_is_made_again_only_after_a_look(
    office: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = step("mail.send", to="bo.ray@kite.io", subject="Refused", body="x")
    said = [SAID[0], SAID[1], refused, SAID[1], SAID[2], SAID[1], SAID[-1]]
    made: list[str] = []

    def flaky(desk: Desk, call: Call) -> Result:
        made.append(call.tool)
        if made.count("mail.send") == 1 and call.tool == "mail.send":
            return Result(error="it timed out.", fault="tool")
        if call.arguments.get("subject") == "Refused":
            return Result(error="no such subject.", fault="input")
        return Desk.call(desk, call)

    monkeypatch.setattr(LastingDesk, "call", flaky)
    speaks(monkeypatch, said.__getitem__)
    assert ask().status == "ok"
    assert made == ["people.find", "mail.send", "mail.send", "cards.search", "mail.send"]
    assert len(office.desk.state["sent"]) == 1


def test_one_process_at_a_time_works_on_an_input(
    office: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[StoreError] = []

    def asked_meanwhile(number: int) -> str:
        if number == 3:  # the mail is sent, its answer is not kept yet
            with pytest.raises(StoreError, match="another process is working") as error:
                ask()
            refused.append(error.value)
        return SAID[number]

    speaks(monkeypatch, asked_meanwhile)
    assert ask().status == "ok"
    assert len(refused) == len(office.desk.state["sent"]) == 1
    assert "its answer is kept" in str(refused[0].hint)
    assert journals() == []


def test_what_another_process_kept_meanwhile_is_the_answer(
    office: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaks(monkeypatch, SAID.__getitem__)
    first, looks = ask(), list[int]()
    real = Store.get_answer

    def late(store: Store, key: str) -> Any:
        looks.append(1)
        return None if len(looks) == 1 else real(store, key)

    monkeypatch.setattr(Store, "get_answer", late)
    assert ask().output == first.output
    assert len(looks) == 2 and len(office.desk.state["sent"]) == 1
