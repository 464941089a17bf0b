"""Routes that are compared answer in turns, so that a machine's pace is not taken for a saving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

import tickets
from rung.agents.spec import AgentSpec
from rung.core.errors import EngineError
from rung.core.records import Row
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.engines.prices import price_of
from rung.flow.session import Session, open_session
from rung.ladder.turns import MIN_BLOCK, rows_in_turns
from rung.routes import spent
from rung.routes.answer import answer_key
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.tasks.importer import init_task
from rung.tasks.task import Example
from rung.worlds.catalog import make_bundled


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


def in_turns(
    session: Session, *asked: tuple[Route, Sequence[Example]], number: int = 1
) -> list[list[Row]]:
    return rows_in_turns(session.climber, asked, ("split", number))


def test_each_has_a_block_in_turn_and_none_is_always_first(session: Session) -> None:
    asked = serve(session, "old", "new")
    examples = session.task.train[: 3 * MIN_BLOCK]
    rows = in_turns(session, (blank("old"), examples), (blank("new"), examples))
    assert [[row.example for row in arm] for arm in rows] == [[one.id for one in examples]] * 2
    blocks = [(name, len(list(block))) for name, block in groupby(asked)]
    assert blocks == [("old", 20), ("new", 40), ("old", 40), ("new", 20)]


def test_few_examples_are_answered_in_one_go(session: Session) -> None:
    asked = serve(session, "old", "new")
    examples = session.task.train[: MIN_BLOCK + 3]
    in_turns(session, (blank("old"), examples), (blank("new"), examples))
    assert asked == ["old"] * 23 + ["new"] * 23


def test_one_that_answers_more_takes_larger_blocks(session: Session) -> None:
    serve(session, "old", "new")
    many, few = session.task.train[:101], session.task.train[:40]
    rows = in_turns(session, (blank("old"), few), (blank("new"), many))
    assert [len(arm) for arm in rows] == [40, 101]


def test_a_new_opening_times_anew_and_the_same_one_asks_nobody(session: Session) -> None:
    asked = serve(session, "old", "new")
    examples = session.task.train[: 2 * MIN_BLOCK]
    assert len(session.climber.rows(blank("old"), examples, "dev")) == len(asked) == 40
    arms = [(blank("old"), examples), (blank("new"), examples)]
    first = in_turns(session, *arms)
    assert [asked[40:].count(name) for name in ("old", "new")] == [40, 40]
    assert in_turns(session, *arms) == in_turns(session, *reversed(arms))[::-1] == first
    assert len(asked) == 120
    in_turns(session, *arms, number=2)
    assert len(asked) == 200
    assert all(row.timed for rows in first for row in rows)


def test_a_turn_that_was_cut_short_is_taken_again_by_all(session: Session) -> None:
    asked = serve(session, "old", "new")
    examples = session.task.train[: 2 * MIN_BLOCK]
    arms = [(blank("old"), examples), (blank("new"), examples)]
    engine = session.runtime._engines["fake:old"]
    script, left = engine._script, 30

    def fail(request: Request) -> str:
        nonlocal left
        left -= 1
        if not left:
            raise EngineError("killed")
        return script(request)

    engine._script = fail
    with pytest.raises(EngineError, match="killed"):
        in_turns(session, *arms)
    del asked[:]
    in_turns(session, *arms)
    assert sorted(asked) == ["new"] * MIN_BLOCK + ["old"] * MIN_BLOCK  # the first turn is kept


def test_what_is_billed_by_tokens_is_not_asked_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = serve(session, "old", "new")
    hosted = replace(price_of("frontier"), name="hosted")
    monkeypatch.setattr(
        spent, "price_of_model", lambda m: hosted if m == "fake:old" else price_of("local-2core")
    )
    examples = session.task.train[:MIN_BLOCK]
    arms = [(blank("old"), examples), (blank("new"), examples)]
    for number in (1, 2):
        in_turns(session, *arms, number=number)
    assert [asked.count(name) for name in ("old", "new")] == [MIN_BLOCK, 2 * MIN_BLOCK]


def test_what_acts_in_a_world_of_the_users_acts_once_and_is_not_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = make_bundled("operations", "ops", num_train=1, num_dev=2, num_holdout=1)
    for module in ("rung.ladder.turns", "rung.routes.answer"):
        monkeypatch.setattr(f"{module}.SIMULATED", ())
    acts = Route(name="agent", rung="form", output="agent", model="fake:office", agent=AgentSpec())
    idle = Route(name="idle", rung="empty", output="constant", constant="{}")
    done = Answer(output={"calls": [], "answer": ""}, status="ok")
    with open_session(task) as session:
        for example in task.dev:
            session.store.put_answer(answer_key(acts, task, example), done.to_json())
        rows = in_turns(session, (acts, task.dev), (idle, task.dev))
    assert [[row.timed for row in arm] for arm in rows] == [[False] * 2, [True] * 2]
