"""What a training may win and when it has paid off: the formula, its bounds, and how it reads."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobs
from rung.core.records import Row
from rung.repair.mapping import Run, build_map
from rung.repair.payback import Investment, Training, invest, winnable
from rung.repair.read_form import FormReader
from rung.repair.records import Cluster, Remedy, RepairMap
from rung.report.investments import training_line, worth
from rung.report.repairs import details, overview

HOUR = Training(minutes=60.0, usd_per_hour=0.09, is_measured=True)


def cluster(share: float = 0.5, error_cost_usd: float = 12.0, **given: int) -> Cluster:
    return Cluster(
        name="c", cause="wrong_argument", place="queue", detail="a -> b", about=(), misses=(),
        num_examples=3, share=share, share_ci=(0.0, 1.0), error_cost_usd=error_cost_usd,
        cpao_saving_usd=None, num_reference=given.get("asked", 0),
        num_reference_met=given.get("met", 0), remedy=Remedy(rung="sft", reason="r"),
    )  # fmt: skip


def of(*clusters: Cluster, training: Training | None = HOUR, volume: float = 1000.0) -> Investment:
    return invest(clusters, training, num_examples=100, volume_per_day=volume)


def test_known_answers() -> None:
    """$12 of errors in 100 requests are 12 cents a request; an hour at 9 cents is paid back by
    three quarters of a request, which at 1,000 a day is .75 thousandths of a day."""
    alone = of(cluster())
    assert (alone.gain, alone.saving_usd, alone.price_usd) == (0.5, 0.12, pytest.approx(0.09))
    assert alone.payback_days == pytest.approx(0.00075)
    # Of four the reference meets three: so much of it at most.
    part = of(cluster(asked=4, met=3))
    assert (part.gain, part.saving_usd) == pytest.approx((0.375, 0.09))
    assert part.payback_days == pytest.approx(0.001)
    both = of(cluster(), cluster(share=0.25, error_cost_usd=4.0, asked=2, met=1))
    assert (both.gain, both.saving_usd) == pytest.approx((0.625, 0.14))
    assert both.price_usd == pytest.approx(0.09), "one training serves both"


def test_where_nothing_is_saved_nothing_is_paid_back() -> None:
    for nothing in (of(cluster(error_cost_usd=0.0)), of(cluster(asked=4, met=0))):
        assert nothing.payback_days == math.inf
        assert json.loads(json.dumps(nothing.to_json(), allow_nan=False))["payback_days"] is None
        assert worth(nothing).endswith("never paid back: nothing is saved")
    assert of(cluster(), volume=0.0).payback_days == math.inf
    unknown = of(cluster(), training=None)
    assert (unknown.price_usd, unknown.payback_days) == (None, None)


@given(
    st.floats(0.0, 1.0),
    st.integers(0, 50),
    st.integers(0, 50),
    st.floats(0.01, 1e4),
    st.floats(0.1, 1e4),
    st.floats(1.0, 1e6),
)
def test_training_never_wins_more_than_there_is(
    share: float, asked: int, met: int, error_usd: float, minutes: float, volume: float
) -> None:
    met = min(asked, met)
    assert 0.0 <= winnable(share, asked, met) <= share
    found = of(
        cluster(share=share, error_cost_usd=error_usd, asked=asked, met=met),
        training=replace(HOUR, minutes=minutes),
        volume=volume,
    )
    assert found.price_usd is not None and found.payback_days is not None
    if math.isfinite(found.payback_days):
        saved = found.payback_days * volume * found.saving_usd
        assert saved == pytest.approx(found.price_usd)
    else:
        assert met == 0 < asked


def mapped(path: Path, training: Training | None, *, num_train: int = 30) -> RepairMap:
    train = [jobs.example(f"t{n}", f"{n} {jobs.TEXT}", group=f"t{n}") for n in range(num_train)]
    dev = [jobs.example(f"d{n}", f"{n} {jobs.TEXT}", group=f"g{n}") for n in range(10)]
    task = jobs.task(path, train=train, dev=dev)
    wrong = {"d0", "d1", "d2", "d3"}

    def rows(missed: set[str]) -> tuple[Row, ...]:
        asked = {one.id: {"queue": "technical"} for one in dev if one.id in missed}
        return tuple(jobs.row(task, one, **asked.get(one.id, {})) for one in dev)

    return build_map(
        task,
        FormReader(task),
        Run(name="route", rows=rows(wrong)),
        split="dev",
        reference=Run(name="strong", rows=rows({"d0"})),
        training=training,
    )


def test_a_map_says_what_training_is_worth(tmp_path: Path) -> None:
    """Four misses at $4 in ten requests, three of which the reference meets: $1.20 a request."""
    found = mapped(tmp_path, replace(HOUR, usd_per_hour=2400.0))
    (one,) = found.clusters
    assert one.remedy.rung == "sft" and one.investment == found.investment
    assert one.investment is not None
    assert (one.investment.gain, one.investment.saving_usd) == pytest.approx((0.75, 1.2))
    assert one.investment.payback_days == pytest.approx(2.0), "2,400 / (1.2 * 1,000 a day)"
    told = (
        "training for the cluster that wants it wins at most 75.0% of all misses and saves at most"
        " $1,200 per 1,000 requests; it costs $2,400, paid back after 2.0 days (a training took"
        " 1 h 00 min at $2,400 an hour); at most: share of the misses times the share of them that"
        " the reference meets"
    )
    assert told in overview(found)
    assert details(one)[-1].startswith("training for it alone wins at most 75.0%")
    shown = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert shown["training"]["minutes"] == 60.0 and shown["volume_per_day"] == 1000.0
    assert shown["clusters"][0]["investment"] == shown["investment"]


def test_an_unknown_price_names_the_command_that_estimates_it(tmp_path: Path) -> None:
    found = mapped(tmp_path, None)
    assert "its price is unknown: rung train jobs --dry-run estimates it" in training_line(found)


def test_other_remedies_are_no_investment(tmp_path: Path) -> None:
    found = mapped(tmp_path, HOUR, num_train=5)
    (one,) = found.clusters
    assert one.remedy.rung == "escalate" and one.investment is None and found.investment is None
    assert details(one)[1] == "sft needs 20 train examples like these, there are 5"
    assert not any("training for" in line for line in overview(found))
