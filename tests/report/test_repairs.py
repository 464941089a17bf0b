"""A repair map in a terminal, at every width."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import jobs
from rung.repair.mapping import Run, build_map
from rung.repair.read_form import FormReader
from rung.repair.records import RepairMap
from rung.report.fold import fold_words
from rung.report.repairs import MEANINGS, headers, render_repair
from rung.tasks.task import FieldScoring

NAMES = (
    "balance_not_updated_after_bank_transfer",
    "card_payment_wrong_exchange_rate",
    "transfer_not_received_by_recipient",
)


@pytest.fixture
def repair(tmp_path: Path) -> RepairMap:
    dev = tuple(
        replace(jobs.example(f"d{at}", f"{at} text"), target={"label": NAMES[at % 3]})
        for at in range(12)
    )
    schema = {"type": "object", "properties": {"label": {"enum": list(NAMES)}}}
    task = replace(
        jobs.task(tmp_path, dev=dev),
        schema=schema,
        scoring={"label": FieldScoring()},
        error_cost=None,
    )
    rows = [jobs.row(task, one, label=NAMES[(at + 1) % 3]) for at, one in enumerate(dev)]
    gone = replace(
        rows[0], output=None, status="failed", error="connection refused", cause="outage"
    )
    right = Run(name="strong", rows=tuple(jobs.row(task, one) for one in dev))
    run = Run(name="form", rows=(gone, *rows[1:]))
    return build_map(task, FormReader(task), run, split="dev", reference=right, after=right)


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_words_of_the_table_are_not_torn(repair: RepairMap, console_of, width: int) -> None:  # type: ignore[no-untyped-def]
    console = console_of(width)
    render_repair(repair, console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    table = text[text.index("#  cause") : text.index("n: misses")]
    words = set(table.replace("_", " ").split())
    assert {word for name in NAMES for word in name.split("_")} <= words
    assert {"unanswered", "argument", "escalate", "again"} <= words
    shown = table.split("\n")[0].split()
    assert {"#", "cause", "where", "n", "next"} <= set(shown)
    legend = " ".join(text[text.index("n: misses") :].split("\n\n")[0].split())
    explained = {header for header in MEANINGS if f"{header}: " in legend}
    assert explained == set(MEANINGS) & set(shown)
    if width >= 100:
        assert shown == list(headers(repair))


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("a b", 10, ["a b"]),
        ("one two", 4, ["one", "two"]),
        ("one_two three", 5, ["one_", "two", "three"]),
        ("mail.send: to", 6, ["mail.", "send:", "to"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("", 3, [""]),
    ],
)
def test_text_is_folded_between_words(text: str, width: int, lines: list[str]) -> None:
    assert fold_words(text, width) == lines
