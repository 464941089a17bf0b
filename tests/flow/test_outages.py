"""An outage is no answer: it does not count for or against a route."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import tickets
from rung.core.errors import EngineError, GateError
from rung.core.records import OUTAGE, REFUSED
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.engines.prices import price_of
from rung.flow.decide import judge_routes
from rung.flow.session import open_session
from rung.routes.evaluate import to_row
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.tasks.importer import init_task
from rung.worlds.catalog import make_bundled


class Flaky:
    """Is out of reach for the first request."""

    def __init__(self) -> None:
        self.num_asked = 0

    def __call__(self, request: Request) -> str:
        self.num_asked += 1
        if self.num_asked == 1:
            raise EngineError("asking old: 503", retryable=True)
        return '{"label": "billing"}'


def blank(name: str) -> Route:
    return Route(name=name, rung="blank", output="blank", model=f"fake:{name}")


def test_the_gate_does_not_judge_while_answers_are_missing(tmp_path: Path) -> None:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=400)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    with open_session(task) as session:
        for name, script in (("old", Flaky()), ("new", lambda request: '{"label": "billing"}')):
            session.runtime._engines[f"fake:{name}"] = FakeEngine(
                f"fake:{name}", script=script, capabilities=tickets.ABILITIES
            )

        def judged() -> float:
            run = tmp_path / "run"
            found = judge_routes(
                session, [blank("new")], blank("old"), count=20, seed=0, folder=run
            )
            return found.report.alpha

        with pytest.raises(GateError, match="1 of 20 holdout answers of 'old' are missing"):
            judged()
        assert judged() == pytest.approx(0.05 * 6 / 3.141592653589793**2, rel=1e-6)
        assert len(session.store.openings(task.split_hashes["holdout"])) == 1


def test_nothing_is_fitted_on_answers_that_are_missing(tmp_path: Path) -> None:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=120)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    with open_session(task) as session:
        engine = FakeEngine("fake:old", script=Flaky(), capabilities=tickets.ABILITIES)
        session.runtime._engines["fake:old"] = engine
        with pytest.raises(EngineError, match="1 of 5 answers of 'old' are missing"):
            session.climber.answers(blank("old"), task.train[:5])
        assert len(session.climber.answers(blank("old"), task.train[:5])) == 5


def test_nothing_to_do_is_not_done_by_an_outage() -> None:
    task = make_bundled("operations", "ops", num_train=1, num_dev=1, num_holdout=1)
    idle = replace(
        task.dev[0], target={"calls": []}, setup={**task.dev[0].setup, "literals": [], "never": []}
    )
    silent = Answer(output=None, status="failed", reason="no call could be read")
    price = price_of("local-2core")
    with open_session(task) as session:
        assert to_row(session.runtime, idle, silent, price, 0).strict
        for stop in (OUTAGE, REFUSED):
            lost = replace(silent, stop=stop)
            row = to_row(session.runtime, idle, lost, price, 0)
            assert (row.score, row.strict, row.cause) == (0.0, False, stop)
