"""Routes that are compared answer in turns, so that a machine's pace is not taken for a saving."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

import tickets
from rung.engines.fake import FakeEngine
from rung.flow.session import Session, open_session
from rung.ladder.climb import MIN_BLOCK
from rung.routes.route import Route
from rung.tasks.importer import init_task


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=400)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    with open_session(task) as opened:
        yield opened


def blank(name: str) -> Route:
    return Route(name=name, rung="blank", output="blank", model=f"fake:{name}")


def serve(session: Session, *names: str) -> list[str]:
    """Let models answer; the list fills with the name of each that is asked."""
    asked: list[str] = []
    for name in names:

        def script(request: object, name: str = name) -> str:
            asked.append(name)
            return '{"label": "billing"}'

        session.runtime._engines[f"fake:{name}"] = FakeEngine(
            f"fake:{name}", script=script, capabilities=tickets.ABILITIES
        )
    return asked


def test_each_has_a_block_in_turn_and_none_is_always_first(session: Session) -> None:
    asked = serve(session, "old", "new")
    examples = session.task.train[: 3 * MIN_BLOCK]
    rows = session.climber.rows_in_turns(
        [(blank("old"), examples), (blank("new"), examples)], "holdout"
    )
    assert [[row.example for row in arm] for arm in rows] == [[one.id for one in examples]] * 2
    blocks = [(name, len(list(block))) for name, block in groupby(asked)]
    assert blocks == [("old", 20), ("new", 40), ("old", 40), ("new", 20)]


def test_few_examples_are_answered_in_one_go(session: Session) -> None:
    asked = serve(session, "old", "new")
    examples = session.task.train[: MIN_BLOCK + 3]
    session.climber.rows_in_turns([(blank("old"), examples), (blank("new"), examples)], "holdout")
    assert asked == ["old"] * 23 + ["new"] * 23


def test_one_that_answers_more_takes_larger_blocks(session: Session) -> None:
    serve(session, "old", "new")
    many, few = session.task.train[:101], session.task.train[:40]
    rows = session.climber.rows_in_turns([(blank("old"), few), (blank("new"), many)], "holdout")
    assert [len(arm) for arm in rows] == [40, 101]
