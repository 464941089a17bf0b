"""kill -9 in the middle of a climb, then again: no answer is made twice, the table is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tickets

DRIVER = """
import json, sys, time
sys.path.insert(0, {tests!r})
import pytest

import tickets
from rung.flow import session
from rung.flow.climb import Options, climb
from rung.report.export import climb_json
from rung.tasks.folder import tasks_home

log = open({log!r}, "a", buffering=1)

def slow(request):
    time.sleep(0.004)
    shape = "choice" if request.choices else "schema" if request.schema else "text"
    log.write(json.dumps([shape, request.prefix, request.messages[-1].content]) + "\\n")
    return tickets.weak_model(request)

def open_slow(model, on_pull=None):
    engine = tickets.open_weak(model)
    engine._script = slow
    return engine

session.open_engine = open_slow
import rung
if not (tasks_home() / "mail").exists():
    rung.init("mail", {csv!r}, input="text", target="label")
options = Options(models=("fake:weak",), limit=30, rungs=("blank", "json", "head"))
print(json.dumps(climb_json(climb("mail", options))))
"""


def start(folder: Path, log: Path, csv: Path) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    code = DRIVER.format(tests=tests, log=str(log), csv=str(csv))
    environment = {**os.environ, "RUNG_HOME": str(folder), "RUNG_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )


def calls(log: Path) -> list[str]:
    return log.read_text("utf-8").splitlines() if log.exists() else []


def timeless(output: str) -> dict[str, object]:
    found = json.loads(output)
    return {key: found[key] for key in ("routes", "verdict", "promoted", "reason", "saving")}


def scores(output: str) -> list[tuple[str, str, float]]:
    """Return what each arm scored; candidates of nearly equal cost come in either order."""
    return sorted((r["route"], r["split"], r["score"]) for r in json.loads(output)["routes"])


@pytest.mark.slow
def test_a_killed_climb_goes_on_where_it_was(tmp_path: Path) -> None:
    csv = tickets.write_csv(tmp_path / "mail.csv")
    whole_log = tmp_path / "whole.jsonl"
    whole = start(tmp_path / "another-home", whole_log, csv)  # meanwhile, never killed
    try:
        check(tmp_path, csv, whole, whole_log)
    finally:
        whole.kill()
        whole.communicate()


def check(tmp_path: Path, csv: Path, whole: subprocess.Popen[str], whole_log: Path) -> None:
    log = tmp_path / "calls.jsonl"
    first = start(tmp_path / "home", log, csv)
    deadline = time.monotonic() + 60
    while len(calls(log)) < 40 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert first.poll() is None, "the climb ended before it could be killed"
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    killed_at = len(calls(log))

    second = start(tmp_path / "home", log, csv)
    output, _ = second.communicate(timeout=120)
    assert second.returncode == 0
    made = calls(log)
    assert len(made) > killed_at
    uninterrupted, _ = whole.communicate(timeout=120)
    # the one call under way when the process died is made again; nothing else is
    assert len(made) - len(set(made)) <= 1
    assert set(made) == set(calls(whole_log))
    assert scores(output) == scores(uninterrupted)

    third = start(tmp_path / "home", log, csv)
    again, _ = third.communicate(timeout=120)
    assert timeless(again) == timeless(output)
    assert calls(log) == made
