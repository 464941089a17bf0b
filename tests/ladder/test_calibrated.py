"""The optional rung `calibrated`, alone and through a climb over a scripted model.

The model knows the labels, but holds `billing` likely whenever the input says anything at all: no
content-free input shows that, labels do.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console
from scipy import special

import rung
import tickets
from rung.core.errors import ConfigError
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.flow import plan, session
from rung.flow.session import open_session, situation
from rung.forms.decisions import decide
from rung.ladder import calibrated
from rung.ladder.plan import LADDER, OPTIONAL, select_rungs
from rung.ladder.result import Climb
from rung.ladder.rung import Situation
from rung.registry import find_route
from rung.report.table import render_climb
from rung.routes.calibrate import MIN_LABELS
from rung.routes.calibration import SlotCalibration, from_bytes
from rung.routes.route import Route
from rung.routes.runtime import CONTENT_FREE, Answer
from rung.store import Artifacts
from rung.tasks.task import Example

BIAS = 4.0
"""Nats that the model adds to `billing`."""


def biased_scores(request: Request) -> list[float]:
    text = request.messages[-1].content
    odds = []
    for choice in request.choices:
        label = next(label for label in tickets.WORDS if label in choice)
        hits = sum(word in tickets.WORDS[label] for word in text.split())
        odds.append(1.5 * hits + BIAS * (label == "billing" and text != CONTENT_FREE))
    return [float(x) for x in special.log_softmax(odds)]


@dataclass
class Opened:
    """Engines opened so far."""

    engines: list[FakeEngine] = field(default_factory=list)

    def open(self, model: str, on_pull: object = None) -> FakeEngine:
        engine = FakeEngine(
            model,
            script=tickets.weak_model,
            capabilities=tickets.ABILITIES,
            choice_scores=biased_scores,
        )
        self.engines.append(engine)
        return engine

    def asked(self) -> list[str]:
        """Return the inputs that were asked, in order."""
        return [r.messages[-1].content for engine in self.engines for r in engine.requests]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    found = Opened()
    monkeypatch.setattr(session, "open_engine", found.open)
    csv = tickets.write_csv(tmp_path / "mail.csv")
    rung.init("mail", csv, input="text", target="label")
    return found


def climb_of(*rungs: str, limit: int) -> Climb:
    return rung.climb("mail", options_of(*rungs, limit=limit))


def options_of(*rungs: str, limit: int) -> rung.Options:
    return rung.Options(models=("fake:biased",), limit=limit, rungs=rungs)


def fitted_slot(route_hash: str) -> SlotCalibration:
    """Return what was fitted for the label, from the artifact that the measured route names."""
    with open_session("mail") as opened_session:
        route = find_route(opened_session.store, "mail", route_hash)
        slots = from_bytes(Artifacts().get(route.calibration), opened_session.runtime.form)
    return slots["label"]


def test_a_climb_that_names_the_rung_shows_its_arm(opened: Opened) -> None:
    climb = climb_of("form", "calibrated", limit=30)
    arms = {arm.route: arm for arm in climb.arms if (arm.kind, arm.split) == ("rung", "dev")}
    assert {name: arm.rung for name, arm in arms.items()} == {
        "form": "form",
        "form+prior": "form",
        "form+calibrated": "calibrated",
    }
    assert arms["form"].score == arms["form+prior"].score < 0.6
    assert arms["form+calibrated"].score > arms["form"].score + 0.3
    console = Console(width=160, file=io.StringIO())
    render_climb(climb, console)
    table = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"form\+calibrated +(\.9|1\.0)", table), table

    asked = {line.question: line for line in climb.answered}
    for other in ("form", "form+prior"):
        line = asked[f"Did calibration on labels help against {other}?"]
        assert line.result.startswith(f"form+calibrated - {other} +")
        assert line.interpretation.startswith("helped")

    slot = fitted_slot(arms["form+calibrated"].route_hash)
    assert (slot.method, slot.num_fitted, slot.num_ranked) == ("affine", 64, 36)
    bias = dict(zip(slot.options, slot.map.bias, strict=True))
    assert bias['"billing"'] < min(bias['"shipping"'], bias['"technical"']) - BIAS / 2


def test_what_is_in_service_answers_by_the_fitted_map_and_with_a_set(opened: Opened) -> None:
    climb = climb_of("calibrated", limit=20)
    assert (climb.verdict, climb.promoted) == ("promote", "form+calibrated")
    num_asked = len(opened.asked())
    assert climb_of("calibrated", limit=20).promoted == "form+calibrated"
    assert len(opened.asked()) == num_asked, "a climb started again must ask nothing again"

    found = next(iter(rung.ask("mail", ["my parcel has no tracking"])))
    assert (found.route, found.output) == ("form+calibrated", {"label": "shipping"})
    (arm,) = (a for a in climb.arms if (a.route, a.split) == ("form+calibrated", "dev"))
    slot = fitted_slot(arm.route_hash)
    assert slot.map.threshold is not None
    request = opened.engines[-1].requests[-1]
    options = [json.loads(option) for option in slot.options]
    plain = decide(options, biased_scores(request))
    mapped = decide(options, biased_scores(request), calibration=slot.map)
    assert plain is not None and mapped is not None
    assert options[plain[0]] == "billing"
    assert found.fields["label"] == {
        "p": pytest.approx(mapped[1].p),
        "margin": pytest.approx(mapped[1].margin),
        "runner_up": mapped[1].runner_up,
        "set": [json.loads(value) for value in mapped[1].prediction_set or ()],
    }


def test_the_estimate_counts_the_train_answers_before_any_is_made(opened: Opened) -> None:
    made = plan("mail", options_of("form", "calibrated", limit=20))
    without = plan("mail", options_of("form", limit=20))
    assert (made.num_train, without.num_train) == (100, 0)
    # besides the train answers, the dev answers of one more route
    assert made.num_calls == without.num_calls + 100 + made.num_dev
    assert plan("mail", options_of(limit=20)).num_train == 0
    with open_session("mail") as opened_session:
        train = {example.input for example in opened_session.task.train}
    assert not train & set(opened.asked())


def test_maps_and_thresholds_come_from_train_examples_of_different_groups(opened: Opened) -> None:
    passes: list[tuple[Route, list[Example]]] = []
    with open_session("mail") as opened_session:
        small = situation(opened_session, "fake:biased", 0)

        def answers(route: Route, examples: Sequence[Example]) -> list[Answer]:
            passes.append((route, list(examples)))
            return small.answers(route, examples)

        spied = replace(small, answers=answers)
        (route,) = calibrated.propose(spied)
        (need,) = calibrated.needs(spied)
        train = {example.id for example in spied.task.train}
    (plain, fitted), (mapped, ranked) = passes
    assert (plain.name, plain.calibration) == ("form", "")
    assert mapped.name == route.name == need.name == "form+calibrated"
    assert plain.hash == need.route.hash
    assert len({plain.calibration, mapped.calibration, route.calibration}) == 3
    assert len(fitted) + len(ranked) == need.num_examples
    assert {example.id for example in (*fitted, *ranked)} <= train
    assert not {e.group for e in fitted} & {e.group for e in ranked}
    assert len({e.group for e in ranked}) == len(ranked)


def example(number: int, group: str) -> Example:
    return Example(id=f"e{number}", input=f"text {number}", target={"label": "x"}, group=group)


def test_one_example_of_every_group_comes_before_a_second_of_any() -> None:
    examples = [example(i, f"g{i % 40}") for i in range(120)]
    fitted, ranked = calibrated.draw_apart(examples, seed=1)
    assert len(ranked) == int(calibrated.RANKED_SHARE * 40)
    assert len({e.group for e in fitted[:24]}) == 24
    assert len(fitted) == calibrated.NUM_FITTED
    assert calibrated.draw_apart(examples, seed=1) == (fitted, ranked)
    assert calibrated.draw_apart(examples, seed=2) != (fitted, ranked)
    assert calibrated.draw_apart([], seed=1) == ([], [])


def with_train(small: Situation, count: int) -> Situation:
    """Return the situation with `count` train examples, each a group of its own."""
    train = tuple(example(i, f"g{i}") for i in range(count))
    return replace(small, task=replace(small.task, train=train))


def test_it_proposes_nothing_where_nothing_can_be_fitted(opened: Opened) -> None:
    with open_session("mail") as opened_session:
        small = situation(opened_session, "fake:biased", 0)
    blind = replace(small, capabilities=replace(small.capabilities, choice_logprobs=False))
    least = next(n for n in range(200) if calibrated.needs(with_train(small, n)))
    fitted, _ = calibrated.draw_apart(with_train(small, least).task.train, seed=0)
    assert len(fitted) == MIN_LABELS
    for case in (blind, with_train(small, least - 1), with_train(small, 0)):
        assert calibrated.needs(case) == ()
        assert calibrated.propose(case) == ()


def test_optional_rungs_are_chosen_by_name_only() -> None:
    assert select_rungs(()) == LADDER
    assert calibrated.RUNG in OPTIONAL and calibrated.RUNG not in LADDER
    assert [r.name for r in select_rungs(["calibrated", "form"])] == ["form", "calibrated"]
    with pytest.raises(ConfigError, match="did you mean 'calibrated'") as caught:
        select_rungs(["calibratd"])
    assert "calibrated" in caught.value.hint
