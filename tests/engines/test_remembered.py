"""The file of refusals: what it holds, and that nothing wrong with it ever stops a run."""

from __future__ import annotations

import json
import logging

import pytest

from rung.engines import remembered
from rung.engines.remembered import KEEP_DAYS, capabilities_path, recall, remember

URL, MODEL = "https://api.example.org/v1", "m-1"


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNG_HOME", str(tmp_path))
    monkeypatch.setattr(remembered, "now_utc", lambda: "2026-11-25T08:00:00Z")
    return tmp_path


def test_what_is_remembered_is_recalled_for_that_model_alone():
    assert recall(URL, MODEL) == frozenset()
    remember(URL, MODEL, "prefix", "No prefill here.")
    remember(URL, MODEL, "schema", "No schemas – “really”.")
    assert recall(URL, MODEL) == {"prefix", "schema"}
    assert recall(URL, "m-2") == recall("https://other/v1", MODEL) == frozenset()
    data = json.loads(capabilities_path().read_text("utf-8"))
    assert data["version"] == 1
    assert data["refused"][0] == {
        "base_url": URL,
        "model": MODEL,
        "capability": "prefix",
        "date": "2026-11-25",
        "said": "No prefill here.",
    }


def test_a_refusal_is_kept_once_with_its_last_day(monkeypatch):
    remember(URL, MODEL, "prefix", "first")
    monkeypatch.setattr(remembered, "now_utc", lambda: "2026-12-01T08:00:00Z")
    remember(URL, MODEL, "prefix", "second")
    (row,) = json.loads(capabilities_path().read_text("utf-8"))["refused"]
    assert (row["date"], row["said"]) == ("2026-12-01", "second")


@pytest.mark.parametrize("day, known", [("2027-02-23", True), ("2027-02-24", False)])
def test_after_ninety_days_the_server_is_tried_again(monkeypatch, day, known):
    assert KEEP_DAYS == 90
    remember(URL, MODEL, "prefix", "no")
    monkeypatch.setattr(remembered, "now_utc", lambda: f"{day}T08:00:00Z")
    assert ("prefix" in recall(URL, MODEL)) is known


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'{"version": 2, "refused": []}',
        b'{"version": 1}',
        b'{"version": 1, "refused": 3}',
        b'{"version": 1, "refused": [3]}',
        b'{"version": 1, "refused": [{"base_url": "x"}]}',
        b'{"version": 1, "refused": [{"base_url": "x", "model": "m", "capability": 1,'
        b' "date": "2026-01-01", "said": ""}]}',
        b'{"version": 1, "refused": [{"base_url": "x", "model": "m", "capability": "a",'
        b' "date": "soon", "said": ""}]}',
        b"[" * 100_000,
    ],
)
def test_a_broken_file_is_ignored_with_a_warning_and_replaced(caplog, raw):
    caplog.set_level(logging.WARNING)
    capabilities_path().write_bytes(raw)
    assert recall(URL, MODEL) == frozenset()
    assert "capabilities.json is ignored" in caplog.text
    remember(URL, MODEL, "prefix", "no")
    assert recall(URL, MODEL) == {"prefix"}


def test_a_file_that_cannot_be_written_costs_a_warning(caplog, home):
    capabilities_path().mkdir()
    remember(URL, MODEL, "prefix", "no")
    assert "will be learned again" in caplog.text
    assert recall(URL, MODEL) == frozenset()
