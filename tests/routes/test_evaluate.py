"""Rows from answers: outages are not remembered, blank pages get credit, text that does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import tickets
from rung.core.errors import EngineError
from rung.engines import llama_packages
from rung.engines.base import Request
from rung.engines.fake import FakeEngine, pieces
from rung.engines.llama_packages import Chosen
from rung.engines.open import library_of
from rung.engines.prices import price_of
from rung.flow.session import Session, open_session
from rung.routes.answer import answer, answer_key, answered
from rung.routes.escalation.policy import Policy
from rung.routes.evaluate import MAX_OUTAGES, MAX_REJECTED, evaluate
from rung.routes.route import Route
from rung.tasks.importer import init_task

BLANK = Route(name="blank", rung="blank", output="blank", model="fake:x")


class Flaky:
    """Answers from a list; an EngineError in it is raised."""

    def __init__(self, *answers: str | EngineError) -> None:
        self.answers = list(answers)

    def __call__(self, request: Request) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, EngineError):
            raise answer
        return answer


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=120)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    with open_session(task) as opened:
        yield opened


def run(session: Session, script: Flaky, count: int, route: Route = BLANK):  # type: ignore[no-untyped-def]
    engine = FakeEngine("fake:x", script=script, capabilities=tickets.ABILITIES)
    session.runtime._engines["fake:x"] = engine
    price = price_of("local-2core")
    return list(evaluate(route, session.runtime, session.task.dev[:count], price=price))


def outage() -> EngineError:
    return EngineError("asking x: 503", retryable=True)


def test_an_outage_is_a_failed_row_that_the_next_run_asks_again(session: Session) -> None:
    good = '{"label": "billing"}'
    first = run(session, Flaky(good, outage(), good), 3)
    assert [row.status for row in first] == ["ok", "failed", "ok"]
    assert (first[1].error, first[1].cause) == ("asking x: 503", "outage")
    script = Flaky(good)
    again = run(session, script, 3)
    assert [row.status for row in again] == ["ok", "ok", "ok"]
    assert script.answers == []


def test_an_engine_that_is_gone_ends_the_run(session: Session) -> None:
    with pytest.raises(EngineError, match="503"):
        run(session, Flaky(*[outage()] * MAX_OUTAGES), 12)


def test_a_wrong_key_ends_the_run_at_once(session: Session) -> None:
    with pytest.raises(EngineError, match="401"):
        run(session, Flaky(EngineError("asking x: 401")), 3)


def rejected() -> EngineError:
    return EngineError("asking x: it refused the request (400): policy", rejected=True)


def test_a_refused_request_is_a_failed_row_that_the_next_run_asks_again(session: Session) -> None:
    good = '{"label": "billing"}'
    refused = [rejected()] * (MAX_REJECTED - 1)
    rows = run(session, Flaky(*refused, good, *refused, good), 2 * MAX_REJECTED)
    failed = [row for row in rows if row.status == "failed"]
    assert len(failed) == 2 * (MAX_REJECTED - 1)
    assert {(row.error, row.score, row.strict) for row in failed} == {(str(rejected()), 0.0, False)}
    again = run(session, Flaky(*[good] * len(failed)), 2 * MAX_REJECTED)
    assert all(row.status == "ok" for row in again)


def test_a_server_that_refuses_one_example_after_the_other_ends_the_run(session: Session) -> None:
    with pytest.raises(EngineError, match=rf"policy \({MAX_REJECTED} examples in a row\)"):
        run(session, Flaky(*[rejected()] * MAX_REJECTED), 12)


def test_an_example_that_is_refused_counts_once_however_often_it_is_drawn(session: Session) -> None:
    script = Flaky(*[rejected()] * (MAX_REJECTED + 1))
    engine = FakeEngine("fake:x", script=script, capabilities=tickets.ABILITIES)
    session.runtime._engines["fake:x"] = engine
    one, price = session.task.dev[:1], price_of("local-2core")
    rows = evaluate(BLANK, session.runtime, one, price=price, samples=MAX_REJECTED + 1)
    assert [row.status for row in rows] == ["failed"] * (MAX_REJECTED + 1)


def test_an_input_that_does_not_fit_is_a_row(session: Session) -> None:
    rows = run(session, Flaky(EngineError("needs 9000 tokens", of_input=True)), 1)
    assert (rows[0].status, rows[0].score) == ("failed", 0.0)


def test_a_blank_page_in_prose_is_read_tolerantly_and_checked_strictly(session: Session) -> None:
    example = session.task.dev[0]
    answer = f"Sure!\n- **Label**: {example.target['label']}"
    rows = run(session, Flaky(answer), 1)
    assert rows[0].score == 1.0
    wrong = run(session, Flaky("label: something else"), 2)[1]
    assert (wrong.status, wrong.strict, wrong.score) == ("failed", False, 0.0)


def test_another_llama_library_answers_anew(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = session.task.dev[0]
    keys = {}
    for model in ("smollm2-135m", "http:small", "fake:x", ""):
        for name in ("llama-cpp-python 0.3.36", "xllamacpp 2026.10.11549"):
            monkeypatch.setattr(llama_packages, "choose", lambda: Chosen(object(), {}))
            monkeypatch.setattr(llama_packages, "describe", lambda found, name=name: name)
            keys[model, name] = answer_key(replace(BLANK, model=model), session.task, example)
    assert len(set(keys.values())) == 5
    monkeypatch.setattr(llama_packages, "choose", lambda: Chosen(None, {}))
    monkeypatch.setattr(llama_packages, "installed", lambda: ["xllamacpp"])
    assert library_of("smollm2-135m") == "xllamacpp server"


def test_the_last_line_of_a_blank_page_that_was_cut_is_not_taken_for_an_answer(
    session: Session,
) -> None:
    label = session.task.dev[0].target["label"]
    answer = f"Let me think about this ticket first.\nLabel: {label}"
    whole = run(session, Flaky(answer), 1)
    assert (whole[0].status, whole[0].score) == ("ok", 1.0)
    cut = replace(BLANK, max_tokens=len(pieces(answer)))
    rows = run(session, Flaky(f"{answer} and so on, as I was about to say."), 1, cut)
    assert rows[0].status == "failed" and "cut at" in str(rows[0].error)


def test_a_cascade_in_service_asks_its_stages_anew_and_a_measured_one_does_not(
    session: Session,
) -> None:
    good = '{"label": "billing"}'
    policy = session.runtime.artifacts.put(Policy(handovers=()).to_bytes())
    route = Route(
        name="c", rung="cascade", output="cascade", model="fake:x", stages=(BLANK,), policy=policy
    )
    script = Flaky(good, good, good)
    engine = FakeEngine("fake:x", script=script, capabilities=tickets.ABILITIES)
    session.runtime._engines["fake:x"] = engine
    for left in (2, 1):
        assert answer(route, session.runtime, session.task.dev[0]).status == "ok"
        assert len(script.answers) == left
    answered(route, session.runtime, session.task.dev[0])
    answered(BLANK, session.runtime, session.task.dev[0])  # kept as the cascade's stage
    assert script.answers == []
