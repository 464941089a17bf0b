"""`rung train` on the command line: what it refuses, before anything is loaded or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("peft", reason="pip install 'rung[train]'")
pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
import tiny_gguf
from rung.core.config import home

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize(
    "given, said",
    [
        (("--method", "sfd"), "did you mean 'sft'"),
        (("--model", "http:gpt"), "cannot be trained here"),
        (("--prompt", "none"), "--prompt is 'none', not one of full, bare"),
        (("--learn", "all"), "not one of answer, values"),
        (("--learning-rate", "2"), "--learning-rate is '2', not a number from 0 to 1"),
        (("--data", "absent.jsonl"), "absent.jsonl"),
    ],
)
def test_bad_input_is_named(
    rung_command: Callable[..., Any], mail: str, given: tuple[str, str], said: str
) -> None:
    done = rung_command("train", mail, *given)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not list((home() / "runs").glob("train-*"))


def test_a_dry_run_says_what_training_takes(
    rung_command: Callable[..., Any], mail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_THREADS", "1")
    model = tiny_gguf.write_gguf(tmp_path / "tiny.gguf")
    given = ("train", mail, "--model", model, "--limit", 24, "--epochs", 2, "--dry-run", "--json")
    done = rung_command(*given)
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert plan["num_examples"] == plan["num_texts"] == 24
    assert plan["num_steps"] == 12, "so few texts are taken four at a time"
    assert 0 < plan["num_trained"] < plan["num_tokens"]
    assert plan["minutes"] > 0
    assert not list((home() / "runs").glob("train-*/trained.json"))
    few = rung_command("train", mail, "--model", model, "--limit", 5)
    assert few.code == 2
    assert "at least 20 are needed" in few.err
