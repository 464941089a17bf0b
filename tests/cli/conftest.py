"""Runs the command line in this process, with the fake model behind it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import tickets
from rung.cli import main
from rung.engines import models
from rung.flow import session


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def rung_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Return a function that runs `rung ARGUMENTS` and gives exit code and both streams."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["rung", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def mail(rung_command: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the task `mail` and put the fake model behind every model name that starts with fake."""
    real = session.open_engine
    monkeypatch.setattr(
        session,
        "open_engine",
        lambda model, told=None: (
            tickets.open_weak(model) if model.startswith("fake") else real(model, told)
        ),
    )
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=200)
    done = rung_command("init", "mail", "--from", csv, "--input", "text", "--target", "label")
    assert done.code == 0, done.err
    return "mail"


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(models, "models_home", lambda: folder)
    return folder
