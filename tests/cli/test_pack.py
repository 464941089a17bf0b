"""`rung pack` and `--bundle`: what serves here answers the same where nothing of it was known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.core import config

TEXT = "I was charged twice for one order"


def answer(said: str) -> Any:
    found = json.loads(said)
    return found["output"], found["route"], found["fields"]


@pytest.fixture
def bundle(rung_command: Callable[..., Any], mail: str, tmp_path: Path) -> Path:
    done = rung_command("climb", mail, "--model", "fake:small", "--rungs", "form,head")
    assert done.code == 0, done.err
    path = tmp_path / "mail.rung"
    done = rung_command("pack", mail, "-o", path, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["path"], told["num_examples"], told["models"]) == (str(path), 0, {})
    return path


def test_a_bundle_answers_as_the_task_it_was_made_from(
    rung_command: Callable[..., Any],
    mail: str,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = rung_command("ask", mail, TEXT, "--json")
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "elsewhere"))
    assert rung_command("ask", mail, TEXT).code != 0
    for words in ((TEXT,), (mail, TEXT), (TEXT,)):
        monkeypatch.setenv("RUNG_HOME", str(tmp_path / "elsewhere"))
        there = rung_command("ask", *words, "--bundle", bundle, "--json")
        assert there.code == 0, there.err
        assert answer(there.out) == answer(here.out)
    home = config.home()
    assert home.parent == tmp_path / "elsewhere" / "bundles"
    examples = (home / "tasks" / mail / "shots.jsonl").read_text()
    assert examples == ""


def test_mistakes_are_named(
    rung_command: Callable[..., Any], mail: str, bundle: Path, tmp_path: Path
) -> None:
    done = rung_command("ask", "other", TEXT, "--bundle", bundle)
    assert (done.code, "holds task 'mail', not 'other'" in done.err) == (2, True), done.err
    done = rung_command("ask", TEXT, "--bundle", tmp_path / "none.rung")
    assert (done.code, "No such file" in done.err) == (2, True), done.err
    for verb in (("ask", mail, TEXT), ("serve",)):
        for flag in (("--trust", tmp_path / "none.pem"), ("--run-code",)):
            done = rung_command(*verb, *flag)
            assert (done.code, "said of a bundle" in done.err, "--bundle" in done.err) == (
                2,
                True,
                True,
            ), done.err
    done = rung_command("pack", mail, "--sign", tmp_path / "none.pem")
    assert (done.code, "reading key" in done.err) == (2, True), done.err
    done = rung_command("rollback", mail)
    done = rung_command("pack", mail)
    assert (done.code, "no route of task 'mail' is in service" in done.err) == (2, True), done.err
