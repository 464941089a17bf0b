"""Drift and novelty of texts: silent on more of the same, loud on other words."""

from __future__ import annotations

import math

import pytest

import traffic
from rung.core.seeds import stream
from rung.tasks import drift
from rung.tasks.drift import ALPHA, MIN_TEXTS, Novelty, NoveltyGauge, distinct, find_drift
from rung.tasks.task import Example


def examples(texts: list[str]) -> list[Example]:
    return [Example(id=f"e{n}", input=t, target={}, group=f"g{n}") for n, t in enumerate(texts)]


def texts(num: int, seed: int, *, shifted: bool = False) -> list[str]:
    return [text for text, _ in traffic.inputs(num, seed=seed, shifted=shifted)]


def test_other_words_are_drift_and_more_of_the_same_are_not() -> None:
    known = examples(texts(200, 1))
    same, other = find_drift(known, texts(100, 2)), find_drift(known, texts(100, 3, shifted=True))
    assert same is not None and not same.alarm and same.num_inputs == 100
    assert other is not None and other.alarm and other.p <= drift.DRIFT_LEVEL


def test_the_newest_inputs_count_and_few_say_nothing() -> None:
    known = examples(texts(200, 1))
    turned = [*texts(400, 2), *texts(250, 3, shifted=True)]
    found = find_drift(known, turned)
    assert found is not None and found.alarm
    assert find_drift(known, texts(MIN_TEXTS - 1, 2)) is None
    assert find_drift(known[: MIN_TEXTS - 1], texts(100, 2)) is None


def test_numbers_that_count_up_and_repeats_are_no_drift() -> None:
    def order(number: int) -> str:
        words = stream(number, "order").sample(traffic.NEW_FILLER, 4)
        return f"{' '.join(words)} for order {number} since day {number % 89 + 10}"

    known = examples([order(number) for number in range(1000, 1200)])
    found = find_drift(known, [order(number) for number in range(7000, 7200)])
    assert found is None or not found.alarm
    assert distinct(["a parcel is late", "A parcel, is late!", "card declined"]) == [
        "a parcel is late",
        "card declined",
    ]


def test_novel_inputs_are_counted_against_what_dev_lets_one_expect() -> None:
    train, dev = examples(texts(200, 1)), examples(texts(80, 4))
    gauge = NoveltyGauge(train, dev)

    def seen(inputs: list[str]) -> Novelty:
        num = gauge.count(inputs)
        return Novelty(num_novel=num, num_inputs=len(inputs), max_rate=gauge.max_rate)

    assert 0.05 < gauge.max_rate < 0.2
    assert not seen(texts(100, 5)).alarm and not seen([]).alarm
    assert seen(texts(100, 6, shifted=True)).alarm
    assert not NoveltyGauge.has_enough(train, dev[:5]) and not NoveltyGauge.has_enough([], dev)


@pytest.mark.slow
def test_drift_alarms_as_rarely_as_its_level_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 tasks with traffic of their own law, looked at once, at a level that can be counted."""
    monkeypatch.setattr(drift, "DRIFT_LEVEL", 0.05)
    num_runs = 300
    wrong = sum(
        found.alarm
        for run in range(num_runs)
        if (found := find_drift(examples(texts(90, 2 * run)), texts(60, 2 * run + 1), seed=run))
    )
    assert wrong / num_runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / num_runs)
    assert wrong > 0  # a level that is never reached would be no test


@pytest.mark.slow
def test_novelty_keeps_its_level_over_twelve_looks() -> None:
    """120 tasks with traffic of their own law, looked at every 50 inputs: a third of ALPHA."""
    num_runs, num_wrong = 120, 0
    for run in range(num_runs):
        train, dev = examples(texts(60, 3 * run)), examples(texts(40, 3 * run + 1))
        gauge = NoveltyGauge(train, dev)
        inputs = texts(600, 3 * run + 2)
        novel = 0
        for start in range(0, 600, 50):
            novel += gauge.count(inputs[start : start + 50])
            seen = Novelty(num_novel=novel, num_inputs=start + 50, max_rate=gauge.max_rate)
            if seen.alarm:
                num_wrong += 1
                break
    level = ALPHA / 3
    assert num_wrong / num_runs <= level + 3 * math.sqrt(level * (1 - level) / num_runs)
