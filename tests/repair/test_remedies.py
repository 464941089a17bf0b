"""The rule table: what is known of a cluster decides what to try next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.agents.spec import AgentSpec
from rung.repair.records import SUSPECT, UNANSWERED
from rung.repair.remedies import RULES, Evidence, recommend
from rung.routes.route import Route

BLANK = Route(name="blank", rung="blank", output="blank", model="m")
FORM = Route(name="form", rung="form", output="form", model="m")
SHOTS = replace(FORM, name="form+shots", num_shots=4)
TRAINED = replace(FORM, name="sft", rung="sft", adapter="a")
BARE = Route(
    name="form", rung="agent", output="agent", model="m", agent=AgentSpec(guards=False, num_shots=2)
)
TEXT = replace(BARE, agent=AgentSpec(loop="text"))
PLAIN = Evidence(
    cause="wrong_argument",
    num=10,
    in_world=False,
    num_reference=0,
    num_reference_met=0,
    p_pass=0.0,
    num_samples=1,
    num_train=100,
    generates=False,
    num_conflicts=0,
)


@pytest.mark.parametrize(
    ("known", "rung"),
    [
        ({"cause": SUSPECT}, "gold is wrong"),
        ({"cause": UNANSWERED, "route": TRAINED, "p_pass": 0.5, "num_samples": 8}, "ask again"),
        ({"cause": UNANSWERED, "route": BLANK}, "ask again"),
        ({"cause": "malformed", "route": BLANK}, "form"),
        ({"cause": "truncated", "route": TEXT, "in_world": True}, "form"),
        ({"cause": "truncated", "route": FORM}, "rule"),
        ({"cause": "abstained", "route": FORM}, "escalate"),
        ({"cause": "wrong_entity", "route": BARE, "in_world": True}, "rule"),
        ({"cause": "wrong_entity", "route": None, "in_world": True}, "rule"),
        ({"cause": "wrong_entity", "route": SHOTS}, "sft"),
        ({"num_conflicts": 5, "route": FORM}, "relabel"),
        ({"num_reference": 6, "num_reference_met": 0, "route": SHOTS}, "relabel"),
        # One of six is no proof that the reference fails on most.
        ({"num_reference": 6, "num_reference_met": 1, "route": SHOTS}, "sft"),
        ({"num_reference": 6, "num_reference_met": 0, "route": BARE, "in_world": True}, "sft"),
        ({"route": FORM}, "example"),
        ({"route": SHOTS}, "sft"),
        ({"route": None}, "sft"),
        ({"route": TRAINED}, "sft"),
        ({"route": TRAINED, "p_pass": 0.5, "num_samples": 8}, "dpo"),
        ({"route": TRAINED, "p_pass": 0.5, "num_samples": 8, "in_world": True}, "rl"),
        ({"route": TRAINED, "p_pass": 0.95, "num_samples": 8}, "sft"),
        ({"route": SHOTS, "num_train": 3, "num_reference": 4, "num_reference_met": 3}, "escalate"),
        ({"route": SHOTS, "num_train": 3}, "example"),
        ({"route": SHOTS, "num_train": 3, "generates": True}, "sft"),
    ],
)
def test_remedies(known: dict[str, object], rung: str) -> None:
    remedy = recommend(replace(PLAIN, **known))  # type: ignore[arg-type]
    assert remedy.rung == rung
    assert remedy.reason


@pytest.mark.parametrize(
    ("known", "lacking"),
    [
        ({"route": SHOTS}, []),
        ({"route": SHOTS, "num_train": 19}, ["sft needs 20 train examples", "there are 19"]),
        ({"route": FORM, "num_train": 3}, ["sft needs 20 train examples", "there are 3"]),
        ({"route": TRAINED}, ["dpo needs 4 samples of an example", "there are 1"]),
        ({"route": TRAINED, "in_world": True}, ["rl needs 4 samples"]),
        ({"route": TRAINED, "num_samples": 8}, ["dpo needs 10% to 90% of the samples right, 0%"]),
        ({"route": TRAINED, "num_samples": 8, "p_pass": 0.5}, []),
        ({"route": TRAINED, "num_samples": 8, "p_pass": 0.5, "num_train": 3}, ["sft needs 20"]),
        # What stands before training is no matter of data.
        ({"route": TRAINED, "num_train": 3, "cause": SUSPECT}, []),
        ({"route": TRAINED, "num_train": 3, "cause": "abstained"}, []),
        ({"route": TRAINED, "num_train": 3, "num_conflicts": 9}, []),
    ],
)
def test_data_that_keeps_a_method_out_is_named(
    known: dict[str, object], lacking: list[str]
) -> None:
    told = recommend(replace(PLAIN, **known)).lacking  # type: ignore[arg-type]
    assert len(told) == bool(lacking)
    assert all(part in told[0] for part in lacking)


def test_the_last_rule_always_fits() -> None:
    fits, _, _ = RULES[-1]
    assert fits(replace(PLAIN, num=1, num_train=0))
