"""What goes wrong behind a task: an arm that is out of order, an input that it will not have."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateways import Upstream, gateway, kept, write_endpoints
from mailroom import TEXT, Models, ask, make_task, set_mode, wait_for_mode
from rung.gateway.modes import read_mode
from rung.gateway.rollouts import units_of
from rung.registry import promote_route, roll_back
from rung.routes.route import Route
from rung.store import Store
from rung.store.calls import Call, CallLog
from rung.store.modes import ModeLog


@pytest.fixture
def models(tmp_path: Path, upstream: Upstream) -> Models:
    return make_task(tmp_path, upstream)


def test_outages_fall_back_and_doubts_do_not_ask_again(models: Models) -> None:
    set_mode("cascade")
    with gateway(open_engine=models.open) as running:
        models.down = {"fake:weak"}
        assert ask(running) == ({"label": "shipping"}, "ok", "frontier")  # not `escalated`
        models.down = {"http:strong"}
        assert ask(running) == ({"label": "billing"}, "ok", "specialist")
        models.down = {"fake:weak", "http:strong"}
        found = running.post("/v1/tasks/mail", {"input": TEXT})
        assert (found.status, found.json()["error"]["code"]) == (503, "route_unavailable")


def test_the_frontier_answers_when_no_route_is_left_or_its_artifact_is_lost(
    models: Models,
) -> None:
    set_mode("canary", stage=3)
    store = Store()
    lost = Route(name="lost", rung="head", output="head", head="0" * 64)
    with gateway(open_engine=models.open) as running:

        def wait_for_route(name: str | None) -> None:
            deadline = time.monotonic() + 10
            modes = running.admin_url + "/modes"
            while running.get(modes).json()["mail"]["route"] != name:
                assert time.monotonic() < deadline
                time.sleep(0.02)

        promote_route(store, "mail", lost, {})
        wait_for_route("lost")
        assert ask(running) == ({"label": "shipping"}, "ok", "frontier")
        for left in ("form", None):
            roll_back(store, "mail")
            wait_for_route(left)
        assert ask(running) == ({"label": "shipping"}, "ok", "frontier")
    store.close()


def test_a_task_that_was_removed_stops_no_other(models: Models) -> None:
    store = Store()
    hosted = Route(name="hosted", rung="form", output="form", model="http:strong")
    promote_route(store, "gone", hosted, {})
    store.close()
    write_endpoints(strong="http://models.example/v1")  # elsewhere, so that the task is looked at
    with gateway(open_engine=models.open) as running:
        assert ask(running)[2] == "specialist"
        found = running.post("/v1/tasks/gone", {"input": TEXT})
        assert (found.status, found.json()["error"]["code"]) == (503, "task_unusable")


def test_an_input_that_a_server_refuses_is_no_outage(
    models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    models.refuses = {"fake:weak"}
    set_mode("canary", stage=3)
    with gateway(open_engine=models.open) as running:
        assert ask(running, "odd") == (None, "failed", "specialist")  # nobody stands in
        wait_for_mode(running, set_mode("cascade"))
        assert ask(running, "odd") == ({"label": "shipping"}, "escalated", "frontier")
        models.refuses = {"fake:weak", "http:strong"}
        assert ask(running, "odd") == (None, "failed", "specialist")
        wait_for_mode(running, set_mode("teacher"))
        assert ask(running, "odd") == (None, "failed", "frontier")
        questions = {"q": {"type": "noul", "instructions": "?"}}
        asked = {"model": "task/mail", "state": "odd", "questions": questions}
        found = running.post("/v1/systemone", asked)
        assert (found.status, found.json()["error"]["code"]) == (400, "request_refused")
    assert not [one for one in caplog.records if one.name == "rung.gateway.desk"]
    store = Store()
    calls = list(CallLog(store).read(task="mail"))
    assert [one.outcome for one in calls if one.mode == "canary"] == ["refused", "ok"]
    store.close()


def wait_for_pair() -> list[Call]:
    """Return the calls that ran beside another, once there is one."""
    deadline = time.monotonic() + 10
    while not (pairs := [call for call in kept() if call.pair]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return pairs


@pytest.mark.parametrize("says", ["odd", "long"])
@pytest.mark.parametrize("both", [True, False])
def test_what_the_specialist_alone_refuses_counts_against_it(
    models: Models, says: str, both: bool
) -> None:
    refusing = {"fake:weak", "http:strong"} if both else {"fake:weak"}
    models.refuses = models.short = refusing
    set_mode("canary", stage=3)
    with gateway(open_engine=models.open) as running:
        assert ask(running, says) == (None, "failed", "specialist")
        (pair,) = wait_for_pair()
    assert (pair.arm, pair.outcome) == ("frontier", "refused" if both else "ok")
    store = Store()
    began = replace(read_mode(ModeLog(store).current()["mail"]), since="")
    assert [unit.failed for unit in units_of(CallLog(store), "mail", began)] == [not both]
    store.close()


def test_an_input_that_does_not_fit_is_never_an_outage(models: Models) -> None:
    models.short = {"fake:weak"}
    set_mode("specialist")
    with gateway(open_engine=models.open) as running:
        assert [ask(running, f"long {n}")[1:] for n in range(6)] == [("failed", "specialist")] * 6
    assert {call.outcome for call in kept()} == {"refused"}


def test_inputs_refused_in_a_row_are_an_outage_until_one_is_answered(models: Models) -> None:
    models.refuses = {"fake:weak"}
    set_mode("cascade")
    with gateway(open_engine=models.open) as running:
        statuses = [ask(running, f"odd {number}")[1] for number in (0, 0, 0, 1, 2, 3, 4, 5)]
        assert statuses == ["escalated"] * 6 + ["ok"] * 2  # the other arm stands in
        assert ask(running) == ({"label": "billing"}, "ok", "specialist")
        assert ask(running, "odd 6")[1] == "escalated"


@pytest.mark.parametrize(("passes", "level"), [(True, "WARNING"), (False, "ERROR")])
def test_an_arm_that_is_out_of_order_is_told_once_until_it_answers(
    models: Models, caplog: pytest.LogCaptureFixture, passes: bool, level: str
) -> None:
    set_mode("teacher")
    models.passes = passes
    with gateway(open_engine=models.open) as running:
        for down in ({"http:strong"}, {"http:strong"}, set(), {"http:strong"}):
            models.down = down
            assert ask(running)[2] == ("specialist" if down else "frontier")
    told = [record for record in caplog.records if record.name == "rung.gateway.desk"]
    line = "task mail: http:strong is out of order: http:strong is down"
    assert [(one.levelname, one.getMessage()) for one in told] == [(level, line)] * 2
