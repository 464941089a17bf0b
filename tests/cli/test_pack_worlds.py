"""A task with a world, packed: its agent and adapter act elsewhere; code runs only when told to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from offices import write_data_set
from rung.agents.actions import finish
from rung.agents.spec import AgentSpec
from rung.core import config
from rung.engines.adapters import Adapter
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.flow import session
from rung.registry.log import promote_route, record_parity
from rung.routes.route import Route
from rung.store import Artifacts, Store
from rung.tasks.holdout import read_holdout
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load, make_bundled
from rung.worlds.open import open_world
from rung.worlds.workbench.contract import SCHEMA
from rung.worlds.world import Call

WORLD = '''
from pathlib import Path
from rung.worlds.user_world import Kind, Row, Tables, TableWorld, Toolbox

Path({marker!r}).touch()
desk = Toolbox()
BRIEF = Path(__file__).with_name("brief.txt").read_text()


@desk.tool(writes=True)
def note(tables: Tables, text: str) -> Row:
    """Write a note."""
    return tables.add("notes", {{"text": text}})


WORLD = TableWorld(
    name="desk", brief=BRIEF, toolbox=desk, kinds={{"notes": Kind(noun="note", prefix="N")}}
)
'''
SERVER = '''
from mcp.server.mcpserver import MCPServer

server = MCPServer("desk")


@server.tool()
def note(text: str) -> str:
    """Write a note."""
    return "noted"


server.run()
'''
NOTE = Call(tool="note", arguments={"text": "Call Ada."})


class Clerk:
    """An adapted model that makes the calls of the request it is at, then finishes."""

    def __init__(self, solutions: dict[str, Iterable[Call]], default: Iterable[Call] = ()) -> None:
        self._solutions = solutions
        self._default = default
        self.adapters: set[str] = set()

    def __call__(self, request: Request) -> str:
        self.adapters.add(request.adapter)
        contents = [message.content for message in request.messages]
        known = [(at, text) for at, said in enumerate(contents) for text in self._solutions
                 if said.endswith(text)]  # fmt: skip
        at, text = known[-1] if known else (0, "")
        done = sum(message.role == "assistant" for message in request.messages[at:])
        steps = [*self._solutions.get(text, self._default), finish("All done.")]
        return json.dumps(steps[done].to_json())


@pytest.fixture
def clerk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Clerk]:
    """Return a function that puts a Clerk behind every model."""

    def put(solutions: dict[str, Iterable[Call]], default: Iterable[Call] = ()) -> Clerk:
        model = Clerk(solutions, default)
        abilities = Capabilities(schema=True, adapters=True)
        monkeypatch.setattr(
            session,
            "open_engine",
            lambda name, told=None: FakeEngine(name, script=model, capabilities=abilities),
        )
        return model

    return put


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Return a function that takes the process to a home that knows nothing of this one."""

    def go() -> Path:
        monkeypatch.setenv("RUNG_HOME", str(tmp_path / "elsewhere"))
        return tmp_path / "elsewhere"

    return go


def serve(task: Task, num_shots: int = 0) -> str:
    """Put an agent with an adapter in service; return the adapter's name."""
    artifacts, store = Artifacts(), Store()
    parts = artifacts.put(b"{}"), artifacts.put(b"low ranks")
    adapter = Adapter(bases=(), config=parts[0], weights=parts[1]).save(artifacts)
    try:
        record_parity(store, adapter, {"passed": True})
        route = Route(
            name="agent+sft",
            rung="sft",
            output="agent",
            model="fake:office",
            adapter=adapter,
            agent=AgentSpec(num_shots=num_shots),
            train_hash=task.split_hashes["train"] if num_shots else "",
        )
        assert promote_route(store, task.name, route, {"verdict": "promote"})
    finally:
        store.close()
    return adapter


def solutions(task: Task, examples: Iterable[Example]) -> dict[str, Iterable[Call]]:
    world = open_world(task)
    return {example.input: world.oracle(example) for example in examples}


def own_task(world: str) -> Path:
    folder = config.home() / "tasks" / "desk"
    folder.mkdir(parents=True)
    (folder / "task.toml").write_text(f'name = "desk"\ninstruction = "Help."\nworld = "{world}"\n')
    (folder / "form.json").write_text(json.dumps(SCHEMA))
    rows: list[dict[str, Any]] = [
        {"id": split, "input": f"A {split} request.", "target": {"calls": []}, "split": split}
        for split in ("train", "dev", "holdout")
    ]
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def packed(run: Callable[..., Any], name: str, path: Path, *more: object) -> dict[str, Any]:
    done = run("pack", name, "-o", path, "--json", *more)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def test_an_agent_of_a_simulated_world_acts_elsewhere(
    rung_command: Callable[..., Any],
    clerk: Callable[..., Clerk],
    elsewhere: Callable[[], Path],
    tmp_path: Path,
) -> None:
    task = make_bundled("operations", "ops", num_train=8, num_dev=4, num_holdout=4)
    hidden = read_holdout(task)
    model, adapter = clerk(solutions(task, task.train)), serve(task)
    path = tmp_path / "ops.rung"
    told = packed(rung_command, "ops", path, "--examples", 3)
    assert (told["num_examples"], told["world"], told["code"]) == (3, "operations", [])
    first = path.read_bytes()
    packed(rung_command, "ops", path, "--examples", 3)
    assert path.read_bytes() == first
    done = rung_command("pack", "ops", "-o", path, "--examples", 3)
    assert "--example 1" in done.err and "--run-code" not in done.err

    elsewhere()
    done = rung_command("ask", "--bundle", path, "--example", 1, "--json")
    assert done.code == 0, done.err
    output = json.loads(done.out)["output"]
    assert output["answer"] == "All done." and output["calls"]
    assert model.adapters == {adapter}
    shipped = (config.home() / "tasks" / "ops" / "shots.jsonl").read_text()
    assert not any(json.dumps(one.input, ensure_ascii=False) in shipped for one in hidden)
    for words, reason in (
        (("Please tidy up.",), "simulated world, which is known for its own examples only"),
        (("--example", 4), "has 3 train examples here, no number 4"),
        ((), "needs an input, --file or --example"),
        (("Tidy up.", "--example", 1), "needs an input, --file or --example"),
    ):
        elsewhere()
        done = rung_command("ask", "ops", *words, "--bundle", path)
        assert (done.code, reason in done.err) == (2, True), done.err


def test_examples_that_a_route_shows_are_all_of_train(
    rung_command: Callable[..., Any], clerk: Callable[..., Clerk], tmp_path: Path
) -> None:
    task = make_bundled("operations", "ops", num_train=8, num_dev=4, num_holdout=4)
    clerk({})
    serve(task, num_shots=2)
    told = packed(rung_command, "ops", tmp_path / "ops.rung", "--examples", 0)
    assert told["num_examples"] == 8


def test_a_world_without_examples_is_said_to_be_mute(
    rung_command: Callable[..., Any], clerk: Callable[..., Clerk], tmp_path: Path
) -> None:
    serve(make_bundled("operations", "ops", num_train=8, num_dev=4, num_holdout=4))
    done = rung_command("pack", "ops", "-o", tmp_path / "ops.rung", "--examples", 0)
    assert "can be asked nothing" in done.err
    done = rung_command("pack", "ops", "-o", tmp_path / "ops.rung", "--with", "a.py")
    assert (done.code, "has no world of your own" in done.err) == (2, True), done.err


def test_the_tables_of_workbench_go_along_without_recorded_runs(
    rung_command: Callable[..., Any],
    clerk: Callable[..., Clerk],
    elsewhere: Callable[[], Path],
    tmp_path: Path,
) -> None:
    write_data_set(tmp_path / "bench")
    task = make_bundled("workbench", "wb", data=tmp_path / "bench")
    (task.path / "world" / "options.toml").write_text('tools = "all"\n')
    clerk(solutions(task, task.train))
    serve(task)
    path = tmp_path / "wb.rung"
    assert packed(rung_command, "wb", path)["num_examples"] == len(task.train)
    elsewhere()
    for number, example in enumerate(task.train, 1):
        elsewhere()
        done = rung_command("ask", "--bundle", path, "--example", number, "--json")
        assert done.code == 0, done.err
        wanted = [call.to_json() for call in open_world(task).oracle(example)]
        assert json.loads(done.out)["output"]["calls"] == wanted
    folder = config.home() / "tasks" / "wb"
    assert (folder / "world" / "options.toml").read_text() == 'tools = "all"\n'
    assert not (folder / "recorded").exists()


def test_a_world_of_ones_own_runs_only_when_told_to(
    rung_command: Callable[..., Any],
    clerk: Callable[..., Clerk],
    elsewhere: Callable[[], Path],
    tmp_path: Path,
) -> None:
    marker, path = tmp_path / "ran", tmp_path / "desk.rung"
    folder = own_task("world.py")
    serve(load("desk"))
    done = rung_command("pack", "desk", "-o", path)
    assert (done.code, "world.py: No such file" in done.err) == (2, True), done.err
    (folder / "world.py").write_text(WORLD.format(marker=str(marker)))
    (folder / "brief.txt").write_text("You take notes.")
    for wrong, reason in (("../../store.db", "outside"), ("examples.jsonl", "no bundle may hold")):
        done = rung_command("pack", "desk", "-o", path, "--with", wrong)
        assert (done.code, reason in done.err) == (2, True), done.err
    assert not path.exists()
    told = packed(rung_command, "desk", path, "--with", "brief.txt")
    assert (told["code"], told["num_examples"]) == (["brief.txt", "world.py"], 0)
    clerk({}, [NOTE])

    home = elsewhere()
    for verb in (("ask", "Tell Ada."), ("serve",)):
        done = rung_command(*verb, "--bundle", path)
        assert (done.code, "brings code from outside" in done.err) == (2, True), done.err
    assert "brief.txt, world.py" in done.err and "--run-code" in done.err
    assert not marker.exists() and not home.exists()
    done = rung_command("ask", "Tell Ada.", "--bundle", path, "--run-code", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["output"]["calls"] == [NOTE.to_json()]
    assert marker.exists()
    elsewhere()
    done = rung_command("ask", "Tell Bo.", "--bundle", path)
    assert done.code == 2, "code that ran once must be allowed again"


def test_an_mcp_server_goes_along_and_starts_only_when_told_to(
    rung_command: Callable[..., Any],
    clerk: Callable[..., Clerk],
    elsewhere: Callable[[], Path],
    tmp_path: Path,
) -> None:
    pytest.importorskip("mcp", reason="pip install 'rung[mcp]' runs the tests of MCP servers")
    folder = own_task("mcp")
    (folder / "server.py").write_text(SERVER)
    absolute = json.dumps([sys.executable, str(folder / "server.py")])
    (folder / "mcp.toml").write_text(f"command = {absolute}\n")
    serve(load("desk"))
    path = tmp_path / "desk.rung"
    done = rung_command("pack", "desk", "-o", path)
    assert (done.code, "write server.py" in done.err) == (2, True), done.err
    (folder / "mcp.toml").write_text(f"command = {json.dumps([sys.executable, 'server.py'])}\n")
    assert packed(rung_command, "desk", path)["code"] == ["mcp.toml", "server.py"]
    clerk({}, [NOTE])
    elsewhere()
    done = rung_command("ask", "Tell Ada.", "--bundle", path)
    assert (done.code, "mcp.toml, server.py" in done.err) == (2, True), done.err
    done = rung_command("ask", "Tell Ada.", "--bundle", path, "--run-code", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["output"]["calls"] == [NOTE.to_json()]


def test_a_home_is_laid_out_whole_or_not_at_all(
    rung_command: Callable[..., Any],
    clerk: Callable[..., Clerk],
    elsewhere: Callable[[], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(make_bundled("operations", "ops", num_train=8, num_dev=4, num_holdout=4))
    path = tmp_path / "ops.rung"
    packed(rung_command, "ops", path)
    home = elsewhere()

    def full(store: Store, adapter: str, report: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rung.registry.bundle_home.record_parity", full)
    assert rung_command("ask", "--bundle", path, "--example", 1).code == 130
    assert list((home / "bundles").iterdir()) == []
