"""Memory on the default path: climbed where a task spans conversations, told in service, erased."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rung
from board import Board, step, write_task
from gateways import gateway
from rung.agents.spec import AgentSpec
from rung.cli import app
from rung.core.clock import days_ago
from rung.core.config import home
from rung.core.errors import ConfigError, TaskError
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.flow import Input, session
from rung.flow.climb import Options
from rung.flow.memory import forget, remembered
from rung.gateway.settings import Memory as MemoryKept
from rung.gateway.settings import Settings
from rung.ladder.agent import reference_route
from rung.registry import promote_route, record_candidates
from rung.routes.route import Route
from rung.store import Claim, FactLog, Store
from rung.store.facts import owner_key
from rung.worlds import user_world
from rung.worlds.catalog import load

CITIES = ("Lisbon", "Graz", "Turku", "Porto")


def mail(city: str) -> dict[str, Any]:
    return {
        "tool": "mail.send",
        "arguments": {"to": "ana.li@kite.io", "subject": "Ship", "body": city},
    }


def chatter(split: str, number: int) -> str:
    """Return words of no meaning that no other row has, or rows would be near-duplicates."""
    return f"{hashlib.sha256(f'{split} {number}'.encode()).hexdigest()}?"


def row(split: str, number: int) -> dict[str, Any]:
    city = CITIES[number % len(CITIES)]
    return {
        "id": f"{split}{number}",
        "input": f"Tell Ana where I live, for {split} parcel {number}: ana.li@kite.io.",
        "target": {"calls": [mail(city)]},
        "split": split,
        "earlier": [["Hello!", f"I live in {city}."], [chatter(split, number)]],
    }


class Clerk:
    """A model that knows of the customer's city only what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __call__(self, request: Request) -> str:
        if request.schema is None:
            return "I do not know."
        at = max(i for i, one in enumerate(request.messages) if "parcel" in one.content)
        asked = request.messages[at].content
        self.told.append(asked)
        if len(request.messages) > at + 1:
            return step("finish", answer="Told.")
        city = next((one for one in CITIES if one in asked), "unknown")
        return json.dumps(mail(city))


@pytest.fixture
def clerk(monkeypatch: pytest.MonkeyPatch) -> Clerk:
    rows = [row(split, n) for split in ("train", "dev", "holdout") for n in range(12)]
    write_task(rows)
    monkeypatch.setattr(user_world, "load_world", lambda path: Board())
    found = Clerk()
    opened = opener(found)
    monkeypatch.setattr(session, "open_engine", lambda name, told=None: opened(name))
    return found


def opener(clerk: Clerk) -> Callable[[str], FakeEngine]:
    return lambda name: FakeEngine(name, script=clerk, capabilities=Capabilities(schema=True))


def serve(memory: bool = True) -> None:
    route = Route(
        name="agent", rung="memory", output="agent", model="fake:clerk",
        agent=AgentSpec(memory=memory),
    )  # fmt: skip
    store = Store()
    promote_route(store, "desk", route, {})
    store.close()


@pytest.mark.slow
def test_a_climb_measures_the_agent_with_and_without_memory(clerk: Clerk) -> None:
    assert load("desk").spans_conversations
    climb = rung.climb("desk", Options(models=("fake:clerk",), limit=12))
    strict = {arm.route: arm.strict for arm in climb.arms if arm.split == "dev"}
    assert strict["agent"] == 0.0 and strict["agent+memory"] == 1.0
    assert strict["agent+memory+shots"] == 1.0
    line = next(one for one in climb.answered if "earlier conversations" in one.question)
    assert "memory score higher" in line.interpretation
    assert remembered("desk", "") == ()  # measuring leaves nothing behind


def test_a_strong_model_is_told_what_its_candidates_are_told(clerk: Clerk) -> None:
    with session.open_session("desk") as opened:
        found = reference_route(session.situation(opened, "fake:clerk", 0))
    assert found.agent is not None and found.agent.memory


def test_earlier_is_for_agents_only_and_has_one_form(clerk: Clerk) -> None:
    folder = home() / "tasks" / "desk"
    wrong = row("train", 0) | {"earlier": ["I live in Graz."]}
    (folder / "examples.jsonl").write_text(json.dumps(wrong) + "\n")
    with pytest.raises(TaskError, match=r"earlier must be a list of conversations"):
        load("desk")
    rows = [row(split, 0) for split in ("train", "dev", "holdout")]
    (folder / "examples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    contract = (folder / "task.toml").read_text().replace('world = "world.py"\n', "")
    (folder / "task.toml").write_text(contract + '[scoring.calls]\nscorer = "exact"\n')
    with pytest.raises(TaskError, match="`earlier`, which only agents remember"):
        load("desk")


def test_what_an_owner_said_is_told_in_their_next_request_and_in_nobody_elses(clerk: Clerk) -> None:
    serve()

    def ask(text: str, owner: str) -> str:
        next(iter(rung.ask("desk", [Input(text=text, owner=owner)], again=True)))
        return clerk.told[-1]

    assert "Known" not in ask("I live in Turku. Where is my parcel?", "ada")
    assert "Turku" in ask("Where do I live? Send my parcel.", "ada").split("Known from before:")[1]
    assert "Turku" not in ask("Where do I live? Send my parcel.", "bo")
    assert "Turku" not in ask("Where do I live? Send my parcel.", "")
    assert "Graz" in ask("I moved to Graz. My parcel?", "ada")
    assert "Graz" in ask("Where do I live? Send my parcel.", "ada").split("Known from before:")[1]
    states = {one.fact.value: one.state for one in remembered("desk", "ada")}
    assert states["Graz"] == "holds"
    assert forget("desk", owner="ada") == len(states)
    assert "Known" not in ask("Where do I live? Send my parcel.", "ada")
    with pytest.raises(ConfigError, match="201 characters"):
        ask("Where?", "x" * 201)


def test_a_route_without_memory_keeps_nothing(clerk: Clerk) -> None:
    serve(memory=False)
    said = Input(text="I live in Turku. Where is my parcel?", owner="ada")
    next(iter(rung.ask("desk", [said])))
    assert remembered("desk", "ada") == ()


def test_who_names_an_owner_to_a_route_without_memory_is_told_what_to_type(
    clerk: Clerk, tmp_path: Path
) -> None:
    def told(*more: str) -> str:
        done = CliRunner().invoke(app.app, ["ask", "desk", *more])
        assert done.exit_code == 0
        return done.stderr

    text = "Where is my parcel?"
    serve(memory=False)
    assert "remembers nobody" not in told(text)
    assert "rung climb desk --rungs memory" in told(text, "--owner", "ada")
    able = Route(
        name="agent+memory", rung="memory", output="agent", model="fake:clerk",
        agent=AgentSpec(memory=True),
    )  # fmt: skip
    store = Store()
    record_candidates(store, "desk", [able])
    store.close()
    rows = [{"input": f"{text} {name}", "owner": name} for name in ("", "ada", "bo")]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    said = told("--file", str(file))
    assert said.count("route 'agent' remembers nobody") == 1 and "--route agent+memory" in said
    assert "remembers" not in told(text, "--owner", "ada", "--route", "agent+memory")


def test_the_gateway_takes_the_owner_from_a_header_the_body_or_the_chats_user(
    clerk: Clerk,
) -> None:
    serve()
    with gateway(open_engine=opener(clerk)) as running:
        path, text = "/v1/tasks/desk", "I live in Porto. Where is my parcel?"
        assert running.post(path, {"input": text, "owner": "ada"}).status == 200
        later = "Where do I live? Send my parcel."
        running.post(path, {"input": later, "owner": "bo"})
        assert "Porto" not in clerk.told[-1]
        running.post(path, {"input": later}, x_rung_owner="ada")
        assert "Porto" in clerk.told[-1]
        assert running.chat("task/desk", text=later, user="ada").status == 200
        assert "Porto" in clerk.told[-1]
        refused = running.post(path, {"input": later, "owner": "x" * 201})
        assert (refused.status, refused.json()["error"]["code"]) == (400, "owner_too_long")


def test_the_command_shows_and_forgets(clerk: Clerk) -> None:
    serve()
    next(iter(rung.ask("desk", [Input(text="I live in Turku. My parcel?", owner="ada")])))

    def command(*more: str) -> str:
        done = CliRunner().invoke(app.app, ["memory", "desk", "ada", *more])
        assert done.exit_code == 0
        return done.output

    assert "holds" in command() and "Turku" in command()
    as_json = json.loads(command("--json").splitlines()[0])
    assert (as_json["value"], as_json["quote"]) == ("Turku", "I live in Turku.")
    assert "forgot 1 facts of ada" in command("--forget")
    assert "nothing is remembered of ada" in command()


def test_people_are_listed_and_forgotten_in_every_task_and_by_age() -> None:
    store = Store()
    for task, owner, days in (("gone", "ada", 400), ("gone", "bo", 1), ("desk", "ada", 1)):
        told = Claim(
            subject="user", attribute="home", value="Graz", salience=0.5, conversation="c", turn=0,
            start=0, end=4, quote="Graz.", created=days_ago(days),
        )  # fmt: skip
        FactLog(store, task=task, owner=owner_key("shop", owner)).add(told)
    store.close()

    def command(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app.app, ["memory", *words])
        assert done.exit_code == code, done.output
        return done.output

    def known() -> list[tuple[str, str, str]]:
        rows = [json.loads(line) for line in command("all", "--json").splitlines()]
        return [(row["task"], row["tenant"], row["owner"]) for row in rows]

    assert known() == [("desk", "shop", "ada"), ("gone", "shop", "ada"), ("gone", "shop", "bo")]
    assert "nothing is remembered" in command("all", "ada")
    assert command("all", "ada", "--tenant", "shop").count("said: 'Graz.'") == 2
    assert "1 facts older than 90 days of everybody" in command(
        "all", "--forget", "--older-than", "90"
    )
    assert known() == [("desk", "shop", "ada"), ("gone", "shop", "bo")]
    assert "forgot 1 facts of ada" in command("all", "ada", "--tenant", "shop", "--forget")
    assert known() == [("gone", "shop", "bo")]
    for wrong in (["--forget"], ["--tenant", "shop"], ["bo", "--older-than", "3"]):
        done = CliRunner().invoke(app.app, ["memory", "all", *wrong])
        assert isinstance(done.exception, ConfigError)


def test_the_gateway_forgets_what_was_stated_too_long_ago(clerk: Clerk) -> None:
    serve()
    store = Store()
    log = FactLog(store, task="desk", owner="ada")
    for turn, days in enumerate((31, 29)):
        log.add(
            Claim(
                subject="user",
                attribute="home",
                value="Graz",
                salience=0.5,
                conversation="c",
                turn=turn,
                start=0,
                end=4,
                quote="Graz.",
                created=days_ago(days),
            )  # fmt: skip
        )
    with gateway(Settings(memory=MemoryKept(keep_days=30)), open_engine=opener(clerk)):
        deadline = time.monotonic() + 5
        while len(log.all()) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert [fact.turn for fact in log.all()] == [1]
    store.close()


def test_equal_rows_of_a_batch_are_each_acted_on_once_however_often_it_is_started(
    clerk: Clerk,
) -> None:
    serve(memory=False)
    batch = [Input(text="Where is my parcel?"), Input(text="Where is my parcel?")]
    list(rung.ask("desk", batch[:1]))
    num_asked = len(clerk.told)
    list(rung.ask("desk", batch))
    assert len(clerk.told) == 2 * num_asked
    list(rung.ask("desk", batch))
    assert len(clerk.told) == 2 * num_asked


def test_a_world_is_closed_with_what_opened_it(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closing(Board):
        num_closed = 0

        def close(self) -> None:
            Closing.num_closed += 1

    monkeypatch.setattr(user_world, "load_world", lambda path: Closing())
    serve(memory=False)
    list(rung.ask("desk", ["Where is my parcel?"]))
    assert Closing.num_closed == 1
    with gateway(open_engine=opener(clerk)) as running:
        assert running.post("/v1/tasks/desk", {"input": "My parcel?"}).status == 200
    assert Closing.num_closed == 2
