"""Several samples of one input: drawn at a temperature, each with a seed of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import tickets
from rung.agents.spec import AgentSpec
from rung.core.errors import ConfigError
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.engines.prices import price_of
from rung.flow import run_route
from rung.flow.session import open_session
from rung.registry import record_candidates
from rung.routes.answer import answer_key
from rung.routes.evaluate import evaluate
from rung.routes.route import Route
from rung.tasks.importer import init_task

BLANK = Route(name="blank", rung="blank", output="blank", model="fake:x")


def test_each_sample_is_asked_for_with_the_temperature_and_a_seed_of_its_own(
    tmp_path: Path,
) -> None:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=120)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    asked: list[Request] = []

    def script(request: Request) -> str:
        asked.append(request)
        return '{"label": "billing"}'

    with open_session(task) as session:
        engine = FakeEngine("fake:x", script=script, capabilities=tickets.ABILITIES)
        session.runtime._engines["fake:x"] = engine
        for output in ("blank", "form"):
            route = Route(name=output, rung="x", output=output, model="fake:x")  # type: ignore[arg-type]
            del asked[:]
            rows = list(
                evaluate(
                    route.at_temperature(0.7),
                    session.runtime,
                    session.task.dev[:2],
                    price=price_of("local-2core"),
                    samples=3,
                )
            )
            assert [row.sample for row in rows] == [0, 1, 2, 0, 1, 2]
            assert len({request.seed for request in asked}) == 6, "inputs share no draws"
            if output == "blank":
                assert {request.temperature for request in asked} == {0.7}


def test_a_route_at_a_temperature_is_another_route_by_name_and_hash() -> None:
    warm = BLANK.at_temperature(0.7)
    assert (warm.name, warm.draws, BLANK.draws) == ("blank+t0.7", True, False)
    assert warm.hash != BLANK.hash
    assert warm.at_temperature(0.9).name == "blank+t0.9"
    agent = Route(name="agent", rung="agent", output="agent", model="x", agent=AgentSpec())
    drawn = agent.at_temperature(0.7).drawn("hello", 2)
    assert drawn.agent is not None
    assert (drawn.agent.temperature, drawn.temperature) == (0.7, 0.0)
    assert drawn.agent.seed == drawn.seed != agent.seed


def test_a_draw_depends_on_the_input_and_its_number_alone() -> None:
    warm = BLANK.at_temperature(0.7)
    draws = [warm.drawn(text, sample).seed for text in ("a", "b") for sample in (0, 1)]
    assert len({*draws, warm.seed}) == 5
    assert warm.drawn("a", 0) == warm.drawn("a", 0)


def test_answers_drawn_with_other_seeds_are_not_reused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=120)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    routes = (BLANK, BLANK.at_temperature(0.7))
    before = [answer_key(route, task, task.dev[0]) for route in routes]
    monkeypatch.setattr("rung.routes.route.derive_seed", lambda *_: 1)
    after = [answer_key(route, task, task.dev[0]) for route in routes]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]


def test_the_likeliest_answer_is_the_route_itself() -> None:
    assert BLANK.drawn("hello", 0) is BLANK


@pytest.mark.parametrize("temperature", [-0.1, 2.5, float("nan")])
def test_a_temperature_out_of_range_is_named(temperature: float) -> None:
    with pytest.raises(ConfigError, match=f"temperature {temperature:g}"):
        BLANK.at_temperature(temperature)


def test_what_asks_no_model_has_none() -> None:
    with pytest.raises(ConfigError, match="'head' asks no model itself"):
        Route(name="head", rung="head", output="head").at_temperature(0.7)


def test_several_samples_of_the_likeliest_answer_are_refused(tmp_path: Path) -> None:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=120)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    with open_session(task) as session:
        record_candidates(session.store, "mail", [BLANK])
    with pytest.raises(ConfigError, match="so 25 samples are one") as refused:
        run_route("mail", "blank", samples=25)
    assert "--temperature" in refused.value.hint
