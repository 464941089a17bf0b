"""Artifacts and run folders: whole or absent, named by content, found again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core import config
from rung.core.errors import StoreError
from rung.core.files import alone
from rung.store import Artifacts, RunDir, file_name, runs


def test_a_run_folder_is_for_one_process_at_a_time() -> None:
    run, same, other = (RunDir("train", "mail", {"seed": seed}) for seed in (0, 0, 1))
    with run.alone():
        said = "another process is at work in .*train-mail"
        with pytest.raises(StoreError, match=said) as told, same.alone():
            pass
        assert str(run.path) in str(told.value)
        with other.alone():
            pass
    with same.alone():
        pass


@pytest.mark.parametrize("name", ["a", "form+head", "v1.2_x-y"])
def test_a_plain_name_is_its_own_file_name(name: str) -> None:
    assert file_name(name) == name


@given(st.lists(st.text(max_size=120), unique=True, max_size=4))
def test_file_names_are_safe_and_distinct(names: list[str]) -> None:
    found = [file_name(name) for name in names]
    assert len({name.casefold() for name in found}) == len({name.casefold() for name in names}) or (
        len(set(found)) == len(names)
    )
    for name in found:
        assert name not in ("", ".", "..") and len(name) <= 100
        assert not set(name) & set('/\\:*?"<>|\0 ')


def test_an_artifact_is_named_by_its_bytes() -> None:
    artifacts = Artifacts()
    digest = artifacts.put(b"weights")
    assert digest == hashlib.sha256(b"weights").hexdigest() == artifacts.put(b"weights")
    assert Artifacts().get(digest) == b"weights"
    assert (config.home() / "artifacts" / digest).is_file()


def test_an_artifact_that_was_altered_is_refused_and_mended_by_writing_it_again(
    tmp_path: Path,
) -> None:
    artifacts = Artifacts(tmp_path)
    digest = artifacts.put(b"weights")
    (tmp_path / digest).write_bytes(b"evil")
    with pytest.raises(StoreError, match="was altered on disk"):
        artifacts.get(digest)
    artifacts.put(b"weights")
    assert artifacts.get(digest) == b"weights"


@pytest.mark.parametrize(
    "digest", ["", "../store.db", "g" * 64, "a" * 63, "A" * 64, "a" * 64 + "\n"]
)
def test_other_names_are_no_artifacts(digest: str) -> None:
    with pytest.raises(StoreError, match="not an artifact name"):
        Artifacts().get(digest)


def test_a_missing_artifact_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is missing .*climb again"):
        Artifacts(tmp_path).get("a" * 64)
    (tmp_path / ("b" * 64)).mkdir()
    with pytest.raises(StoreError, match="reading artifact bbbb"):
        Artifacts(tmp_path).get("b" * 64)


def test_the_same_settings_resume_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "now_utc", lambda: "first")
    first = RunDir("climb", "help/desk", {"seed": 1, "limit": None})
    monkeypatch.setattr(runs, "now_utc", lambda: "later")
    again = RunDir("climb", "help/desk", {"limit": None, "seed": 1})
    other = RunDir("climb", "help/desk", {"limit": None, "seed": 2})
    assert first.path == again.path != other.path
    assert first.path.parent == config.home() / "runs"
    saved = json.loads((first.path / "config.json").read_text("utf-8"))
    assert saved["started"] == "first"
    assert saved["settings"] == {"seed": 1, "limit": None}
    assert saved["settings_hash"] in first.path.name
    assert saved["versions"]["numpy"]


def test_rows_are_lines_of_json() -> None:
    run = RunDir("run", "t", {})
    path = run.write_rows("rows.jsonl", ({"i": i, "é": "\n"} for i in range(2)))
    assert path.read_text("utf-8") == '{"i": 0, "é": "\\n"}\n{"i": 1, "é": "\\n"}\n'
    assert run.write_json("x.json", {"a": None}).read_text("utf-8") == '{\n "a": null\n}\n'


def test_a_lock_file_that_is_deleted_at_its_end_is_not_held_by_two(tmp_path: Path) -> None:
    path, busy = tmp_path / "j.lock", StoreError("busy")
    with alone(path, busy, remove=True):
        with pytest.raises(StoreError, match="busy"), alone(path, busy):
            pass
        path.unlink()  # as by the process that held it before
        path.touch()
        with alone(path, busy):
            pass
    assert not path.exists()
    (tmp_path / "file").touch()
    said = "writing .*j.lock failed"
    with pytest.raises(StoreError, match=said), alone(tmp_path / "file" / "j.lock", busy):
        pass
