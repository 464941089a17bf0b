"""Rounds of improvement from captured calls to a promotion, with the fake engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import rung
import tickets
import traffic
from rung.core.config import home
from rung.core.errors import ConfigError, EngineError
from rung.core.files import hold_alone
from rung.flow import improve as rounds
from rung.flow import promote, session
from rung.flow.climb import Options, climb
from rung.flow.improve import improve, look_ahead
from rung.gate.touching import touching
from rung.gateway.schedule import Schedule
from rung.registry import promoted
from rung.routes.route import Route
from rung.store import Store
from rung.store.modes import ModeLog
from rung.store.rounds import RoundLine, RoundLog
from rung.tasks import drift
from rung.worlds.catalog import load

QUICK: dict[str, Any] = {
    "min_groups": 20,
    "rungs": ("head",),
    "minutes": 2.0,
    "climbs_a_day": 9,
}
"""A round of the fake model: a small holdout, one rung, many a day."""
STEPS = (
    "began",
    "watched",
    "demoted",
    "rotated",
    "mined",
    "mapped",
    "climbing",
    "climbed",
    "ended",
)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    monkeypatch.setattr(drift, "DRIFT_LEVEL", 0.001)  # reached by fewer permutations


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home where the task `mail` was made and climbed: its head is in service."""
    folder = tmp_path_factory.mktemp("climbed")
    csv = tickets.write_csv(folder / "mail.csv", rows=240)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNG_HOME", str(folder / "rung"))
        patch.setattr(session, "open_engine", tickets.open_weak)
        rung.init("mail", csv, input="text", target="label")
        options = Options(models=("fake:weak",), limit=40, rungs=("blank", "head"))
        assert climb("mail", options).promoted == "head"
        return home()


@pytest.fixture
def mail(climbed: Path) -> str:
    """Return the name of the climbed task, in a home of this test."""
    shutil.copytree(climbed, home())
    return "mail"


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(Store()) as opened:
        yield opened


def serving(store: Store) -> Route:
    found = promoted(store, "mail")
    assert found is not None
    return found.route


def events(number: int = 0) -> list[str]:
    return [line.event for line in rounds.history("mail") if not number or line.number == number]


def line(event: str) -> RoundLine:
    return next(line for line in reversed(rounds.history("mail")) if line.event == event)


def shift(num: int = 120) -> None:
    """Let callers say other words, and correct the route, which answers `billing`."""
    traffic.keep(traffic.inputs(num, seed=9, shifted=True), says="billing")


def set_mode(store: Store, mode: str, **detail: Any) -> None:
    ModeLog(store).append("mail", mode, {"frontier": "http:strong"} | detail, "by hand")


def mode(store: Store) -> tuple[str, str]:
    entry = ModeLog(store).current()["mail"]
    return entry.mode, entry.reason


def test_too_little_traffic_changes_nothing_and_says_what_is_missing(mail: str) -> None:
    before = load(mail)
    traffic.keep(traffic.inputs(60, seed=7), corrected=False)
    traffic.keep(traffic.inputs(8, seed=8), first=100)
    ended = improve(mail, {})
    assert ended["outcome"] == "waiting" and "8 of about 378" in ended["reason"]
    assert "--audit-share" in ended["next"]
    assert load(mail) == before and line("watched").detail["alarms"] == []
    assert events(1) == ["began", "watched", "rotated", "ended"]


def test_a_round_ends_in_a_proposal_that_one_command_takes(mail: str, store: Store) -> None:
    old, before = load(mail), serving(store)
    set_mode(store, "cascade")
    shift()
    ended = improve(mail, QUICK)
    assert ended["outcome"] == "proposed" and ended["next"].startswith("rung promote mail ")
    assert ended["next"].endswith(" && rung mode mail cascade")
    assert serving(store) == before  # nothing is put in service by itself
    now = load(mail)
    assert now.generation == 2 and {e.id for e in old.dev} <= {e.id for e in now.dev}
    assert [entry.task for entry in store.openings(now.split_hashes["holdout"])] == ["mail"]
    assert not touching(now, [e for e in now.train if e.id not in {o.id for o in old.train}])
    assert promote(mail, ended["next"].split()[3]).hash == serving(store).hash != before.hash
    mapped = line("mapped").detail
    assert mapped["clusters"] and Path(mapped["batch"]).is_file()


@pytest.mark.slow
def test_a_shift_takes_the_specialist_out_of_service_and_a_promotion_brings_it_back(
    mail: str, store: Store
) -> None:
    set_mode(store, "cascade", min_p=0.3)
    shift(200)
    ended = improve(mail, QUICK | {"policy": "promote", "climbs_a_day": 0})
    assert ended["outcome"] == "budget" and ended["alarms"]
    demoted, reason = mode(store)
    assert demoted == "teacher" and reason.startswith("round 1: inputs drifted")
    assert "novel" in reason and "rejected or corrected" in reason

    before = serving(store)
    ended = improve(mail, QUICK | {"policy": "promote"})
    assert ended["outcome"] == "promoted" and serving(store).hash != before.hash
    assert mode(store) == ("cascade", "round 2 promoted head")
    assert ModeLog(store).current()["mail"].detail["min_p"] == 0.3
    # the new route was fitted on such inputs, beside others that nobody says any more
    traffic.keep(traffic.inputs(150, seed=10, shifted=True), first=1000)
    assert improve(mail, QUICK | {"climbs_a_day": 0})["alarms"] == []
    watched = line("watched").detail
    assert watched["drift"]["num_inputs"] == watched["novelty"]["num_inputs"] == 150


def test_without_a_frontier_a_passed_cascade_takes_over_else_there_is_only_the_alarm(
    mail: str, store: Store
) -> None:
    shift()
    improve(mail, QUICK | {"climbs_a_day": 0})
    assert line("demoted").detail["to"] == "" and ModeLog(store).history(mail) == []

    head = serving(store)
    cascade = Route(name="cascade", rung="cascade", output="cascade", stages=(head, head))
    log = {"report": {"candidates": [{"name": "cascade", "verdict": "promote"}]}}
    store.append_registry(
        task=mail, action="candidate", route_hash=cascade.hash, payload=cascade.to_json()
    )
    store.append_registry(
        task=mail,
        action="verdict",
        route_hash="r",
        payload={"receipt": log, "routes": {"cascade": cascade.hash}},
    )
    improve(mail, QUICK | {"climbs_a_day": 0})
    assert line("demoted").detail["to"] == "cascade" and serving(store).hash == cascade.hash
    assert mode(store)[0] == "cascade" and "drifted" in mode(store)[1]


@pytest.mark.parametrize(
    ("before", "given", "why"),
    [("teacher", {}, "answers already"), ("specialist", {"on_alarm": "tell"}, "to tell only")],
)
def test_an_alarm_changes_no_mode_where_it_need_not_or_may_not(
    mail: str, store: Store, before: str, given: dict[str, Any], why: str
) -> None:
    set_mode(store, before)
    shift()
    ended = improve(mail, QUICK | {"climbs_a_day": 0} | given)
    assert ended["alarms"] and mode(store) == (before, "by hand")
    assert why in line("demoted").detail["why"]


@pytest.mark.slow
def test_budgets_hold_back_the_climb_and_keep_the_traffic_for_the_next_round(mail: str) -> None:
    shift()
    rounds.enable(mail, QUICK | {"climbs_a_day": 1, "budget_usd": 0.0})
    assert "dollars" in improve(mail, {})["reason"] and load(mail).generation == 1
    rounds.enable(mail, {"budget_usd": 1e-9})
    ended = improve(mail, {})
    assert ended["outcome"] == "budget" and "estimated at $" in ended["reason"]
    assert "--budget-usd" in ended["next"] and "climbed" not in events()
    rounds.enable(mail, {"budget_usd": 1.0})
    assert improve(mail, {})["outcome"] == "proposed"  # on the generation that was made before
    ended = improve(mail, {})
    assert "climbs" in ended["reason"] and ended["next"] == "rung improve mail --climbs 2"
    assert events(3).count("rotated") == 0 and load(mail).generation == 2


def test_looking_ahead_and_the_history_write_nothing(mail: str) -> None:
    traffic.keep(traffic.inputs(80, seed=7))
    found = look_ahead(mail, QUICK)
    assert found["would_climb"] and found["num_labelled"] == 80
    assert found["watched"]["novelty"]["num_inputs"] == 80 and found["watched"]["alarms"] == []
    assert rounds.history(mail) == [] and load(mail).generation == 1


def test_enabling_keeps_what_is_not_given_and_disabling_twice_is_refused(mail: str) -> None:
    rounds.enable(mail, {"policy": "promote", "budget_usd": 3.0})
    assert rounds.enable(mail, {"minutes": 5.0}).policy == "promote"
    rounds.disable(mail)
    assert events() == ["enabled", "enabled", "disabled"]
    with pytest.raises(ConfigError, match="off already"):
        rounds.disable(mail)


def test_one_round_at_a_time_as_it_began_and_only_of_tasks_that_are_served(
    mail: str, store: Store
) -> None:
    with (home() / "improve.lock").open("wb") as handle:
        hold_alone(handle)
        with pytest.raises(ConfigError, match="another round"):
            improve(mail, {})
    with pytest.raises(ConfigError, match="world"):
        improve("operations", {})
    assert rounds.history(mail) == []
    began = {"schedule": Schedule().to_json(), "until": "", "generation": 1}
    RoundLog(store).append(mail, 1, "began", began)
    with pytest.raises(ConfigError, match="round 1 .* goes on as it began"):
        improve(mail, {"minutes": 5.0})
    assert events() == ["began"]


@pytest.mark.slow
def test_a_round_that_fails_says_so_and_the_next_one_climbs_what_it_made(
    mail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift()
    with monkeypatch.context() as patch:
        patch.setattr(session, "open_engine", _down)
        with pytest.raises(EngineError, match="is down"):
            improve(mail, QUICK | {"models": ("fake:weak",)})
    assert line("ended").detail["outcome"] == "failed" and load(mail).generation == 2
    assert improve(mail, QUICK)["outcome"] == "proposed"
    assert "rotated" not in events(2) and load(mail).generation == 2


def _down(model: str, on_pull: object = None) -> Any:
    raise EngineError(f"{model} is down")


@pytest.mark.parametrize(
    ("step", "written"),
    [("climbed", False)]
    + [pytest.param(step, True, marks=pytest.mark.slow) for step in STEPS[:-1]]
    + [
        pytest.param(step, False, marks=pytest.mark.slow)
        for step in ("began", "demoted", "rotated", "mined")
    ],
)
def test_a_round_that_is_killed_goes_on_where_it_was(
    mail: str, store: Store, monkeypatch: pytest.MonkeyPatch, step: str, written: bool
) -> None:
    """At every step, once it is done and before or after its line is in the journal."""
    set_mode(store, "specialist")
    shift()
    append = RoundLog.append

    def killed(log: RoundLog, task: str, number: int, event: str, detail: dict[str, Any]) -> None:
        if written or event != step:
            append(log, task, number, event, detail)
        if event == step:
            raise KeyboardInterrupt

    given = QUICK | {"policy": "promote"}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RoundLog, "append", killed)
        improve(mail, given)
    ended = improve(mail, given)
    assert ended["outcome"] == "promoted" and load(mail).generation == 2
    began_again = step == "began" and not written
    assert [e for e in events() if e != "resumed"] == list(STEPS)
    assert ("resumed" in events()) is not began_again
    registry = [entry.action for entry in store.registry(mail)]
    assert registry.count("promote") == 2  # the first climb's, and this round's once
    assert [entry.mode for entry in ModeLog(store).history(mail)] == [
        "specialist",
        "teacher",
        "specialist",
    ]


def test_what_capture_takes_out_is_no_drift(tmp_path: Path) -> None:
    """Examples hold addresses of mail, captured inputs `[mail]` in their place."""
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=240)
    head, *rows = csv.read_text("utf-8").splitlines()
    signed = [f"from ann.{n}@firm-{n}.example {row}" for n, row in enumerate(rows)]
    csv.write_text("\n".join([head, *signed]) + "\n", "utf-8")
    rung.init("mail", csv, input="text", target="label")
    climb("mail", Options(models=("fake:weak",), limit=40, rungs=("blank", "head")))
    said = traffic.inputs(100, seed=7)
    traffic.keep([(f"from [mail] {text}", label) for text, label in said])
    watched = look_ahead("mail", QUICK)["watched"]
    assert watched["alarms"] == [] and watched["drift"]["p"] > 0.001
