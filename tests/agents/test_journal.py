"""A killed run goes on where it was: no write is repeated, none is lost."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from board import INSTRUCTION, MAIL, MOVE, STATE, Board, FileBoard, step
from rung.agents.journal import Entry, FileJournal
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.core.errors import EngineError, StoreError
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.worlds.world import Result

SCHEMA = Capabilities(schema=True)


SAID = [
    step("people.find", name="Bo"),
    step("cards.serach", query="x"),
    step("mail.send", to="bo.ray@kite.io", subject="Prices", body="done"),
    step("cards.search", query="venue"),
    step("cards.move", card_id="card_903", list="doing"),
    step("finish", answer="Sent and moved."),
]
SCRIPT = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from board import INSTRUCTION, MAIL, FileBoard, FileDesk
from rung.agents.journal import FileJournal
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.worlds.world import Result

folder, where, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
said = {SAID!r}
seen = [0]

def die(place):
    seen[0] += place == where
    if place == where and seen[0] == number:
        os.kill(os.getpid(), signal.SIGKILL)

class Journal(FileJournal):
    def append(self, entry):
        die("before note")
        super().append(entry)
        die("after note")

real = FileDesk.call_once
def call_once(self, key, call):
    die("before call")
    result = real(self, key, call)
    die("after call")
    return result
FileDesk.call_once = call_once

def script(request):
    return said[sum(m.role == "assistant" for m in request.messages)]

engine = FakeEngine(script=script, capabilities=Capabilities(schema=True))
run_agent(AgentSpec(), engine, FileBoard(path=folder / "board.json"), MAIL, INSTRUCTION,
          journal=Journal(folder / "journal.jsonl"))
"""


def killed(folder: Path, where: str, number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), where, str(number)], capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_the_same_request_in_another_run_is_acted_on_again(tmp_path: Path) -> None:
    for number in (1, 2):
        engine = FakeEngine(script=list(SAID), capabilities=SCHEMA)
        world = FileBoard(path=tmp_path / "board.json")
        run_agent(AgentSpec(), engine, world, MAIL, INSTRUCTION)
        state = json.loads(world.path.read_text())["state"]
        assert len(state["sent"]) == number


def resume(folder: Path) -> tuple[Any, FakeEngine]:
    def script(request: Any) -> str:
        return SAID[sum(message.role == "assistant" for message in request.messages)]

    engine = FakeEngine(script=script, capabilities=SCHEMA)
    world = FileBoard(path=folder / "board.json")
    journal = FileJournal(folder / "journal.jsonl")
    return run_agent(AgentSpec(), engine, world, MAIL, INSTRUCTION, journal=journal), engine


@pytest.mark.parametrize(
    ("where", "numbers"),
    [("before note", (2, 8)), ("after note", (7, 8, 9)), ("before call", (2,)),
     ("after call", (1, 2, 4))],
)  # fmt: skip
def test_kill_minus_nine_anywhere_neither_repeats_nor_loses_a_write(
    tmp_path: Path, where: str, numbers: tuple[int, ...]
) -> None:
    for number in numbers:
        folder = tmp_path / str(number)
        folder.mkdir()
        killed(folder, where, number)
        episode, engine = resume(folder)
        state = json.loads((folder / "board.json").read_text())["state"]
        assert episode.status == "ok"
        assert [mail["to"] for mail in state["sent"]] == ["bo.ray@kite.io"]
        assert [card["list"] for card in state["cards"]] == ["todo", "doing", "doing"]
        assert len(engine.requests) < len(SAID) or number == 2


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_never_killed(tmp_path: Path) -> None:
    for where in ("before call", "after call", "after note", "after call", "before note"):
        killed(tmp_path, where, 1)
    episode, _ = resume(tmp_path)
    whole = tmp_path / "whole"
    whole.mkdir()
    expected, _ = resume(whole)
    assert episode.calls == expected.calls
    assert [s.observation for s in episode.steps] == [s.observation for s in expected.steps]
    boards = [json.loads((at / "board.json").read_text()) for at in (tmp_path, whole)]
    for board in boards:  # the keys of calls name the run too
        board["done"] = {key.rpartition(":")[2]: told for key, told in board["done"].items()}
    assert boards[0] == boards[1]


class Log:
    """A journal in memory; satisfies `Journal`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def read(self) -> list[Entry]:
        return list(self.entries)

    def append(self, entry: Entry) -> None:
        self.entries.append(json.loads(json.dumps(entry)))


def test_a_world_that_dies_with_its_process_is_played_again_from_the_start() -> None:
    find, move = (
        step("cards.search", query="venue"),
        step("cards.move", card_id="card_903", list="doing"),
    )
    log, world, spec = Log(), Board(), AgentSpec()
    broken = FakeEngine(script=[find, move, EngineError("gone", retryable=True)],
                        capabilities=SCHEMA)  # fmt: skip
    with pytest.raises(EngineError):
        run_agent(spec, broken, world, MOVE, INSTRUCTION, journal=log)
    engine = FakeEngine(script=[step("finish", answer="ok")], capabilities=SCHEMA)
    episode = run_agent(spec, engine, world, MOVE, INSTRUCTION, journal=log)
    assert (episode.status, len(engine.requests)) == ("ok", 1)
    assert world.score(MOVE, episode.calls).strict
    assert engine.requests[0].messages[:-1] == (*broken.requests[2].messages[:-1],)


def test_the_intent_is_noted_before_the_call_and_the_result_after() -> None:
    log = Log()
    engine = FakeEngine(script=SAID[:1] + SAID[-1:], capabilities=SCHEMA)
    run_agent(AgentSpec(), engine, Board(), MAIL, INSTRUCTION, journal=log)
    kinds = [entry["kind"] for entry in log.entries]
    assert kinds == ["conversation", "turn", "call", "result", "turn"]


def test_a_finished_journal_asks_and_calls_nothing(tmp_path: Path) -> None:
    first, _ = resume(tmp_path)
    before = (tmp_path / "board.json").read_bytes()
    again, engine = resume(tmp_path)
    assert engine.requests == []
    assert (again.answer, again.calls) == (first.answer, first.calls)
    assert (tmp_path / "board.json").read_bytes() == before


def test_the_journal_of_another_conversation_is_refused(tmp_path: Path) -> None:
    resume(tmp_path)
    engine = FakeEngine(script=SAID, capabilities=SCHEMA)
    with pytest.raises(StoreError, match="another conversation"):
        run_agent(AgentSpec(), engine, Board(), MOVE, INSTRUCTION,
                  journal=FileJournal(tmp_path / "journal.jsonl"))  # fmt: skip


def test_a_torn_line_counts_as_not_written(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "new" / "journal.jsonl")
    assert journal.read() == []
    journal.append({"kind": "call", "text": "ä\n"})
    with (tmp_path / "new" / "journal.jsonl").open("ab") as file:
        file.write(b'{"kind": "res')
    assert journal.read() == [{"kind": "call", "text": "ä\n"}]
    journal.append({"kind": "result"})
    assert [entry["kind"] for entry in journal.read()] == ["call", "result"]


def test_half_a_character_in_a_result_is_kept_from_the_journal(tmp_path: Path) -> None:
    cut = Result(value=[{"text": "Yes \ud83d"}])
    said = [step("cards.search", query="venue"), step("finish", answer="ok")]
    engine = FakeEngine(script=said, capabilities=SCHEMA)
    journal = FileJournal(tmp_path / "journal.jsonl")
    world = Board(fail=lambda number, call: cut)
    episode = run_agent(AgentSpec(), engine, world, MOVE, INSTRUCTION, journal=journal)
    assert episode.steps[0].observation == "text: Yes \ufffd"
    assert journal.read()[3]["value"] == [{"text": "Yes \ufffd"}]


def test_a_journal_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder"):
        FileJournal(tmp_path / "folder").append({"kind": "call"})


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_folder_without_locks_is_not_taken_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    journal = FileJournal(tmp_path / "j.jsonl")
    said = f"j.lock failed: {os.strerror(reason)}"
    with pytest.raises(StoreError, match=said) as caught, journal.alone():
        raise AssertionError("not reached")
    assert "RUNG_HOME" in caught.value.hint


def test_the_worlds_first_state_is_never_touched() -> None:
    assert STATE["sent"] == []
