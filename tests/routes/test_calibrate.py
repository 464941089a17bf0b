"""Fitting maps and thresholds on labelled decisions, and the artifact they are kept in."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rung.core.errors import TrainError
from rung.forms import Calibration, Decision, compile_form
from rung.forms.decisions import decide
from rung.routes.calibrate import (
    Labelled,
    calibratable,
    cross_validate,
    fit,
    fit_map,
    log_losses,
    observe,
    with_thresholds,
)
from rung.routes.calibration import from_bytes, to_bytes
from rung.stats.calibration import ece, fit_affine
from rung.stats.risk import lac_threshold, prediction_set

KINDS = ["a", "b", "c"]
FORM = compile_form(
    {
        "type": "object",
        "properties": {
            "kind": {"enum": KINDS},
            "where": {"type": "object", "properties": {"site": {"enum": [1, None]}}},
            "lines": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 2},
            "note": {"type": "string"},
        },
        "required": ["kind", "where"],
    }
)


def answer(p: Sequence[float], right: Any, group: str, calibration: Any = None) -> Labelled:
    found = decide(KINDS, [math.log(x) for x in p], calibration=calibration)
    assert found is not None
    return Labelled(decisions={"kind": found[1]}, target={"kind": right}, group=group)


def biased(num: int, *, seed: int = 0, calibration: Any = None, size: int = 1) -> list[Labelled]:
    """Answers of a model that knows the kind, is too sure of it, and favours `a` by two nats."""
    random_ = random.Random(seed)
    rows = []
    for i in range(num):
        right = random_.randrange(3)
        odds = [3.0 * random_.gauss(1.0 * (k == right), 0.7) + 2.0 * (k == 0) for k in range(3)]
        total = math.log(sum(math.exp(x) for x in odds))
        p = [math.exp(x - total) for x in odds]
        rows.append(answer(p, KINDS[right], f"{seed}.{i // size}", calibration))
    return rows


def test_slots_that_stand_in_one_place_can_be_calibrated() -> None:
    assert {p: keys for p, (_, keys) in calibratable(FORM).items()} == {
        "kind": ("kind",),
        "where.site": ("where", "site"),
    }


def test_answers_without_the_decision_or_the_label_say_nothing() -> None:
    good = answer([0.5, 0.3, 0.2], "b", "g")
    rows = [
        good,
        replace(good, decisions={}),
        replace(good, target={}),
        replace(good, target={"kind": "elsewhere"}),
    ]
    seen = observe(FORM, "kind", rows)
    assert seen.right.tolist() == [1]
    assert np.exp(seen.logprobs) == pytest.approx(np.array([[0.5, 0.3, 0.2]]))
    site = Decision(p=0.75, margin=0.5, probabilities={"null": 0.75, "1": 0.25})
    nested = Labelled(decisions={"where.site": site}, target={"where": {"site": None}}, group="g")
    assert observe(FORM, "where.site", [nested]).right.tolist() == [1]


def test_a_map_is_chosen_by_what_it_loses_on_other_groups() -> None:
    slot = fit(FORM, biased(100))["kind"]
    assert slot.method == "affine"
    assert slot.losses["affine"] < slot.losses["temperature"] < slot.losses["none"]
    assert slot.map.temperature > 1.0
    assert slot.map.bias[0] == min(slot.map.bias)
    unseen = observe(FORM, "kind", biased(400, seed=1))
    assert log_losses(slot.map, unseen).mean() < log_losses(Calibration(), unseen).mean() - 0.15


def test_a_calibrated_model_keeps_its_probabilities() -> None:
    """Right as often as stated: p = .6, .3, .1 on 100 examples of which 60, 30, 10 are right."""
    right = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    rows = [answer([0.6, 0.3, 0.1], kind, str(i)) for i, kind in enumerate(right)]
    slot = fit(FORM, rows)["kind"]
    assert slot.losses["none"] == pytest.approx(0.898, abs=1e-3)  # entropy of .6, .3, .1
    assert slot.method == "none"
    assert fit_map("temperature", observe(FORM, "kind", rows)).temperature == pytest.approx(1, 0.01)


@pytest.mark.parametrize(
    ("num", "methods"),
    [
        (0, []),
        (19, []),
        (20, ["none", "temperature"]),
        (49, ["none", "temperature"]),
        (50, ["none", "temperature", "affine"]),
    ],
)
def test_few_labels_allow_only_simple_maps(num: int, methods: list[str]) -> None:
    slot = fit(FORM, biased(num))["kind"]
    assert list(slot.losses) == methods
    assert slot.num_fitted == num
    if not methods:
        assert (slot.method, slot.map) == ("none", Calibration())


def test_one_group_cannot_be_cross_validated() -> None:
    assert cross_validate(observe(FORM, "kind", biased(60, size=60))) == {}


def test_folds_do_not_split_groups() -> None:
    """Each group of ten has one label, which its answers contradict: only unseen groups tell."""
    rows = [answer([0.4, 0.3, 0.3], KINDS[i // 10 % 3], str(i // 10)) for i in range(60)]
    losses = cross_validate(observe(FORM, "kind", rows))
    # a map fitted on the other five groups expects the kinds that this group is not
    assert losses["affine"] > losses["temperature"]


def test_an_option_that_is_never_right_keeps_its_odds_to_the_others() -> None:
    rows = [row for row in biased(120) if row.target["kind"] != "c"]
    found = fit_map("affine", observe(FORM, "kind", rows))
    assert found.bias[2] == 0.0
    assert all(math.isfinite(b) for b in found.bias)


def test_impossible_options_leave_the_fit_finite() -> None:
    sure = Decision(p=1.0, margin=1.0, probabilities={'"a"': 1.0, '"b"': 0.0, '"c"': 0.0})
    rows = [
        Labelled(decisions={"kind": sure}, target={"kind": KINDS[i % 3]}, group=str(i))
        for i in range(60)
    ]
    slot = fit(FORM, rows)["kind"]
    assert all(math.isfinite(loss) for loss in slot.losses.values())
    assert slot.map.temperature == pytest.approx(20.0, abs=0.1)


def test_equal_answers_give_equal_maps() -> None:
    assert to_bytes(fit(FORM, biased(80), seed=3)) == to_bytes(fit(FORM, biased(80), seed=3))


def test_affine_known_answer() -> None:
    """Two options that the scores cannot tell apart, 30 of 40 right: log-odds of 3 where strength
    goes to 0, shared by both biases; the scores then have no say in it."""
    logprobs = [[math.log(0.5), math.log(0.5)]] * 40
    temperature, bias = fit_affine(logprobs, [0] * 30 + [1] * 10, strength=1e-6)
    assert (bias[0] - bias[1]) / temperature == pytest.approx(math.log(3.0), abs=1e-3)
    assert bias[0] == pytest.approx(-bias[1], abs=1e-3)
    tight = fit_affine(logprobs, [0] * 30 + [1] * 10, strength=1e6)
    assert tight[1] == pytest.approx((0.0, 0.0), abs=1e-3)


@pytest.mark.parametrize(
    ("logprobs", "right"),
    [([], []), ([[0.0, 0.0]], [0, 1]), ([[0.0, -math.inf]], [0])],
)
def test_unusable_tables_are_refused(logprobs: Any, right: list[int]) -> None:
    with pytest.raises(ValueError, match=r"right options|finite"):
        fit_affine(logprobs, right)


def test_expected_calibration_error_of_choices() -> None:
    """Published example: p = .9 three times and .6 twice, of five right, right, wrong, right,
    wrong: gaps .9 - 2/3 on three and .6 - 1/2 on two, so (.7 + .2) / 5 = .18."""
    assert ece([0.9, 0.9, 0.9, 0.6, 0.6], [1, 1, 0, 1, 0]) == pytest.approx(0.18)


@pytest.mark.parametrize(
    ("num", "alpha", "rank"),
    [
        (9, 0.1, 9),  # the least that 90 % can be had from
        (8, 0.1, None),
        (36, 0.1, 34),
        (36, 0.05, 36),
        (19, 0.05, 19),
        (18, 0.05, None),
        (99, 0.2, 80),
    ],
)
def test_the_conformal_quantile(num: int, alpha: float, rank: int | None) -> None:
    """The ceil((n + 1)(1 - alpha))-th smallest score 1 - p (Angelopoulos and Bates 2021, eq. 2)."""
    p_right = [(i + 1) / (num + 1) for i in range(num)]
    expected = 0.0 if rank is None else 1.0 - sorted(1.0 - p for p in p_right)[rank - 1]
    assert lac_threshold(p_right, alpha=alpha) == pytest.approx(expected)


def test_thresholds_take_the_first_answer_of_each_group() -> None:
    rows = [answer([0.05 * i, 0.98 - 0.05 * i, 0.02], "a", f"g{i}") for i in range(1, 19)]
    again = [replace(row, target={"kind": "c"}) for row in rows]
    slots = with_thresholds(fit(FORM, []), FORM, [*rows, *again], alpha=0.1)
    assert slots["kind"].num_ranked == 18
    assert slots["kind"].map.threshold == pytest.approx(0.05)  # rank ceil(19 * .9) = 18 of 18
    assert slots["kind"].alpha == 0.1
    assert (slots["where.site"].map.threshold, slots["where.site"].num_ranked) == (0.0, 0)


@pytest.mark.slow
def test_sets_hold_the_right_option_as_often_as_promised() -> None:
    """100 runs: 64 labels to fit on, 36 groups to rank, 50 new ones. Coverage, averaged over what
    is drawn, is 1 - alpha to 1 - alpha + 1/37 (Angelopoulos and Bates 2021, theorem D.1)."""
    runs = 100
    held: dict[float, list[float]] = {0.2: [], 0.1: [], 0.05: []}
    for run in range(runs):
        fitted = fit(FORM, biased(64, seed=3 * run), seed=run)
        ranked = biased(36, seed=3 * run + 1, calibration=fitted["kind"].map)
        for alpha, shares in held.items():
            slots = with_thresholds(fitted, FORM, ranked, alpha=alpha)
            new = biased(50, seed=3 * run + 2, calibration=slots["kind"].map)
            right = [
                json.dumps(r.target["kind"]) in r.decisions["kind"].prediction_set for r in new
            ]
            shares.append(float(np.mean(right)))
    for alpha, shares in held.items():
        coverage, error = float(np.mean(shares)), float(np.std(shares) / math.sqrt(runs))
        assert 1 - alpha - 3 * error <= coverage <= 1 - alpha + 1 / 37 + 3 * error, alpha


def test_an_artifact_is_read_as_it_was_written() -> None:
    slots = with_thresholds(fit(FORM, biased(100)), FORM, biased(40, seed=1))
    data = to_bytes(slots)
    assert from_bytes(data, FORM) == slots
    assert to_bytes(from_bytes(data, FORM)) == data
    p = [0.5, 0.3, 0.2]
    threshold = slots["kind"].map.threshold
    made = answer(p, "a", "g", replace(slots["kind"].map, temperature=1.0, bias=()))
    names = [json.dumps(KINDS[i]) for i in prediction_set(p, threshold or 0.0)]
    assert made.decisions["kind"].prediction_set == tuple(names)


def changed(**changes: Any) -> bytes:
    data = json.loads(to_bytes(fit(FORM, biased(100))))
    for path, value in changes.items():
        where, _, name = path.rpartition("__")
        place = data["slots"]["kind"] if where == "slot" else data
        place = data["slots"]["kind"]["map"] if where == "map" else place
        place[name] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"[]",
        b'{"kind": "head"}',
        changed(kind="calibration of choices, version 0"),
        changed(extra=1),
        changed(slot__extra=1),
        changed(map__temperature=0.0),
        changed(map__temperature="warm"),
        changed(map__temperature=math.nan),
        changed(map__bias=[0.0, 1.0]),
        changed(map__threshold=1.5),
        changed(map__unknown=0.0),
        changed(slot__method="isotonic"),
        changed(slot__options=['"a"', '"b"', '"z"']),
        changed(slot__options=['"b"', '"a"', '"c"']),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(TrainError, match="climb again"):
        from_bytes(data, FORM)
