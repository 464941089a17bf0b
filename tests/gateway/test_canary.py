"""The canary's rules: valid under peeking, quick to go back, never two stages at once."""

from __future__ import annotations

import random
import time
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from gateways import gateway
from rung.gateway import rollouts, service
from rung.gateway.canary import HARM_ALPHA, Evidence, Unit, judge
from rung.gateway.modes import STAGES, Mode, assign, check_mode
from rung.gateway.rollouts import carry_on, units_of
from rung.registry import promote_route, roll_back
from rung.routes.route import Route
from rung.store import Store
from rung.store.calls import Call, CallLog, Feedback
from rung.store.modes import ModeLog


def units(num: int, arm: str, *, failed: int = 0, accepted: int | None = None) -> list[Unit]:
    made = [
        Unit(arm=arm, failed=i < failed, accepted=None if accepted is None else float(i < accepted))
        for i in range(num)
    ]
    random.Random(1).shuffle(made)
    return made


@pytest.mark.parametrize(
    ("specialist", "frontier", "stage", "step", "why"),
    [
        # E(2 of 2 against 5 %) = B(2.5, .5) / B(.5, .5) / .0025 = 150; E(1 of 1) = 10
        (units(2, "specialist", failed=2), [], 3, "rollback", "failed"),
        (units(1, "specialist", failed=1), [], 3, "hold", "last stage"),
        (units(100, "specialist", failed=5), units(300, "frontier"), 2, "hold", "outcomes"),
        (units(300, "specialist"), units(300, "frontier"), 2, "hold", "assignment broken"),
        # good answers without anybody saying so do not count
        (units(500, "specialist"), units(1500, "frontier"), 2, "hold", "outcomes"),
        (units(9, "specialist", accepted=9), units(27, "frontier", accepted=27), 2, "hold", "20"),
        (units(400, "specialist", accepted=400), units(1200, "frontier", accepted=1200), 2,
         "advance", "accepted"),
        (units(400, "specialist", accepted=200), units(1200, "frontier", accepted=1200), 2,
         "rollback", "accepted"),
        (units(400, "specialist", accepted=400), [], 3, "hold", "last stage"),
    ],
)  # fmt: skip
def test_known_situations(
    specialist: list[Unit], frontier: list[Unit], stage: int, step: str, why: str
) -> None:
    evidence = Evidence().add([*specialist, *frontier])
    verdict = judge(evidence, stage=stage, margin=0.05, max_failed=0.05)
    assert verdict.step == step and why in verdict.reason


def test_a_canary_goes_on_by_what_the_store_holds_and_only_once() -> None:
    store = Store()
    modes, log = ModeLog(store), CallLog(store)
    detail = {"frontier": "http:x", "rollout": 3, "stage": 2, "margin": 0.5}
    modes.append("mail", "canary", detail, "test")
    mode = current(store)
    conversations = [f"c{i}" for i in range(120)]
    log.append([served(mode, name, i) for i, name in enumerate(conversations)])
    assert carry_on(store, "mail", mode).step == "hold"  # nobody has said anything yet
    for i, _ in enumerate(conversations):
        log.add_feedback(
            Feedback(created=mode.since, tenant="t", call_id=f"call{i:05}", accepted=True)
        )
    log.add_feedback(Feedback(created=mode.since, tenant="u", call_id="call00000", accepted=False))
    found = units_of(log, "mail", mode)
    assert len(found) == 120 and all(unit.accepted == 1.0 for unit in found)
    assert carry_on(store, "mail", mode).step == "advance"
    assert carry_on(store, "mail", mode).step == "advance"  # judged under a mode that is over
    history = modes.history("mail")
    assert [entry.detail["stage"] for entry in history] == [2, 3]
    assert history[-1].detail["rollout"] == 3  # who had the specialist keeps it
    store.close()


def test_a_canary_that_fails_goes_back_to_the_frontier() -> None:
    store = Store()
    modes, log = ModeLog(store), CallLog(store)
    modes.append("mail", "canary", {"frontier": "http:x", "rollout": 3, "stage": 3}, "test")
    mode = current(store)
    log.append([served(mode, f"c{i}", i, outcome="failed") for i in range(5)])
    assert carry_on(store, "mail", mode).step == "rollback"
    last = modes.history("mail")[-1]
    assert (last.mode, last.detail) == ("teacher", {"frontier": "http:x"})
    store.close()


def test_what_is_wrong_with_one_task_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []

    def judge_some(store: Store, task: str, mode: Mode) -> None:
        if task == "bad":
            raise ValueError("a bug")
        judged.append(task)

    monkeypatch.setattr(rollouts, "carry_on", judge_some)
    monkeypatch.setattr(service, "JUDGE_S", 0.02)
    store = Store()
    modes, detail = ModeLog(store), {"frontier": "http:x"}
    modes.append("unread", "as of 2031", {}, "test")
    with gateway() as running:
        for task in ("bad", "good"):
            modes.append(task, "canary", detail, "test")
        deadline = time.monotonic() + 20
        while judged.count("good") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        modes.append("bad", "as of 2031", {}, "test")
        modes.append("good", "teacher", detail, "test")
        while (shown := running.get(running.admin_url + "/modes").json())["good"]["mode"] != (
            "teacher"
        ):
            assert time.monotonic() < deadline
        # nobody knows how `unread` is to be answered; `bad` goes on as it was
        assert set(shown) == {"bad", "good"} and shown["bad"]["mode"] == "canary"
    store.close()


def test_what_the_specialist_did_not_say_is_no_failure_of_it() -> None:
    store = Store()
    log = CallLog(store)
    ModeLog(store).append("mail", "canary", {"frontier": "http:x", "stage": 3}, "test")
    mode = current(store)
    outage = replace(served(mode, "c0", 0, outcome="error"), arm="", status=503)
    stand_in = replace(served(mode, "c1", 1, outcome="failed"), arm="frontier")
    log.append([outage, stand_in, served(mode, "c2", 2, outcome="failed")])
    assert [unit.failed for unit in units_of(log, "mail", mode)] == [False, False, True]
    store.close()


def test_a_look_takes_as_many_queries_however_much_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store()
    log = CallLog(store)
    ModeLog(store).append("mail", "canary", {"frontier": "http:x", "stage": 3}, "test")
    mode = current(store)
    calls = [replace(served(mode, f"c{i}", i), tenant=f"t{i % 3}") for i in range(700)]
    log.append(calls)
    said = Feedback(created=mode.since, tenant="t0", call_id=calls[0].id, accepted=True)
    log.add_feedback(said)
    read: list[str] = []
    reading = Store.reading

    def counted(self: Store, doing: str) -> AbstractContextManager[sa.Connection]:
        read.append(doing)
        return reading(self, doing)

    monkeypatch.setattr(Store, "reading", counted)
    units = units_of(log, "mail", mode)
    assert (len(units), units[0].accepted, len(read)) == (700, 1.0, 3)
    store.close()


def test_a_canary_begins_anew_when_another_route_comes_into_service() -> None:
    store = Store()
    old, new = (Route(name=name, rung="form", output="form", max_tokens=n)
                for name, n in (("old", 1), ("new", 2)))  # fmt: skip
    promote_route(store, "mail", old, {})
    detail = {"frontier": "http:x", "rollout": 3, "stage": 2, "route": old.hash, "margin": 0.5}
    ModeLog(store).append("mail", "canary", detail, "test")
    carry_on(store, "mail", current(store))
    assert len(ModeLog(store).history("mail")) == 1
    promote_route(store, "mail", new, {})
    stale = current(store)
    carry_on(store, "mail", stale)
    carry_on(store, "mail", stale)  # as a second gateway does
    now = current(store).detail
    assert (now.stage, now.route, now.margin) == (0, new.hash, 0.5) and now.rollout > 3
    roll_back(store, "mail")
    carry_on(store, "mail", current(store))
    assert current(store).detail.route == old.hash
    assert len(ModeLog(store).history("mail")) == 3
    store.close()


def served(mode: Mode, conversation: str, number: int, outcome: str = "ok") -> Call:
    return Call(
        id=f"call{number:05}",
        created=mode.since,
        tenant="t",
        conversation=conversation,
        model="task/mail",
        task="mail",
        mode="canary",
        arm=assign(mode, "mail", conversation),
        status=200,
        outcome=outcome,
    )


def current(store: Store) -> Mode:
    entry = ModeLog(store).current()["mail"]
    detail = check_mode(entry.mode, entry.detail)
    return Mode(id=entry.id, name="canary", detail=detail, since=entry.created)


@pytest.mark.slow
def test_peeking_at_every_conversation_keeps_the_error_and_harm_is_seen_soon() -> None:
    """400 rollouts at the allowed failure rate; then at four times that rate."""
    draw = random.Random(5)

    def rolled_back(rate: float, most: int) -> int | None:
        evidence = Evidence()
        for number in range(1, most + 1):
            evidence.add([Unit(arm="specialist", failed=draw.random() < rate)])
            if judge(evidence, stage=3, margin=0.05, max_failed=0.05).step == "rollback":
                return number
        return None

    wrong = sum(rolled_back(0.05, 800) is not None for _ in range(400))
    assert wrong / 400 <= HARM_ALPHA + 3 * (HARM_ALPHA * 0.95 / 400) ** 0.5
    found = [rolled_back(0.20, 800) for _ in range(100)]
    assert None not in found
    assert sorted(n for n in found if n)[50] < 120  # median; KL(.2, .05) is .139 nats a look


@pytest.mark.slow
def test_an_inferior_specialist_is_not_let_through_by_peeking() -> None:
    """Worse by exactly the margin: passing a stage is the error, and is rare.

    The sequences are running intersections, so one look at the end stands for every look before.
    """
    draw = random.Random(6)
    passed = 0
    for _ in range(40):
        evidence = Evidence()
        for _ in range(1200):
            arm = "specialist" if draw.random() < STAGES[2] else "frontier"
            rate = 0.85 if arm == "specialist" else 0.90
            evidence.add([Unit(arm=arm, accepted=float(draw.random() < rate))])
        passed += judge(evidence, stage=2, margin=0.05, max_failed=0.05).step == "advance"
    assert passed <= 2
