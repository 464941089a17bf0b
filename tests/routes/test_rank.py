"""The ranker learns what made the choices, knows when it is unsure, and is never late or silent."""

from __future__ import annotations

import time
from random import Random

import pytest

from rung.core.errors import TrainError
from rung.forms import Choice, Decision
from rung.routes.rank import NO_OPTIONS, rank, rank_by
from rung.routes.ranker import Listed, Ranker, fit_ranker, read_options
from rung.tasks.task import Example

SLOT = Choice(path="pick", values=("A", "B", "C", "D"))


def example(random: Random, i: int, *, noise: float = 0.0) -> Example:
    """The right option has the least metres less ten times the priority."""
    rows = [(random.randint(1, 90), random.randint(1, 3)) for _ in range(random.randint(2, 4))]
    worth = [metres - 10 * priority + random.gauss(0, noise) for metres, priority in rows]
    table = "\n".join(
        f"{label} | {metres} | {priority} | red"
        for label, (metres, priority) in zip("ABCD", rows, strict=False)
    )
    return Example(
        id=f"e{i}",
        input=f"Who goes where?\npick | metres | priority | colour\n{table}",
        target={"pick": "ABCD"[worth.index(min(worth))]},
        group=f"g{i // 5}",
    )


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    random = Random(1)
    found = fit_ranker([example(random, i) for i in range(120)], "pick", SLOT.values)
    assert found is not None
    return found


def test_it_learns_the_rule_behind_the_choices(ranker: Ranker) -> None:
    random = Random(2)
    fresh = [example(random, i) for i in range(200)]
    said = [rank(ranker, SLOT, each.input).output for each in fresh]
    right = sum(answer == each.target for answer, each in zip(said, fresh, strict=True))
    first = sum(each.target["pick"] == "A" for each in fresh)
    assert right >= 185 > first
    assert ranker.columns == ("metres", "priority"), "words are no numbers"


def test_it_survives_being_stored(ranker: Ranker) -> None:
    assert Ranker.from_bytes(ranker.to_bytes()) == ranker
    with pytest.raises(TrainError, match="no ranker-1"):
        Ranker.from_bytes(b"{}")
    listed = read_options("x | metres\nA | 3\nB | 4", SLOT.values)
    assert listed is not None
    with pytest.raises(TrainError, match="climb again"):
        ranker.decide(listed)


@pytest.mark.parametrize("text", ["", "no table", "a | b\nZ | 1", "a | b\nA | 1\nB | 2 | 3"])
def test_an_input_without_options_fails_in_words(ranker: Ranker, text: str) -> None:
    found = rank(ranker, SLOT, text, budget_ms=30.0)
    assert (found.output, found.status, found.reason) == (None, "failed", NO_OPTIONS)


TWO = "pick | metres\nB | 5\nA | 2"


def decided(p: float) -> Decision:
    return Decision(p=p, margin=2 * p - 1)


def test_where_it_is_unsure_the_first_of_the_list_stands_in() -> None:
    unsure = rank_by(lambda _: ("A", decided(0.6)), SLOT, TWO, sure_from=0.7, budget_ms=0.0)
    assert (unsure.output, unsure.status) == ({"pick": "B"}, "repaired")
    sure = rank_by(lambda _: ("A", decided(0.6)), SLOT, TWO, sure_from=0.5, budget_ms=50.0)
    assert (sure.output, sure.status, sure.reason) == ({"pick": "A"}, "ok", "")


def test_where_it_is_late_the_first_of_the_list_stands_in() -> None:
    def slow(listed: Listed) -> tuple[str, Decision]:
        time.sleep(0.4)
        return "A", decided(1.0)

    late = rank_by(slow, SLOT, TWO, sure_from=0.0, budget_ms=20.0)
    assert (late.output, late.status) == ({"pick": "B"}, "repaired")
    assert "no decision within 20 ms" in late.reason
    assert late.latency_ms < 350


def test_what_breaks_is_not_taken_for_lateness() -> None:
    def broken(listed: Listed) -> tuple[str, Decision]:
        raise TrainError("fitted on other columns")

    with pytest.raises(TrainError):
        rank_by(broken, SLOT, TWO, sure_from=0.0, budget_ms=20.0)


def test_pure_chance_is_left_to_the_list() -> None:
    """Where numbers say nothing and the first is mostly right, the fitted threshold defers."""
    random = Random(3)
    examples = []
    for i in range(100):
        made = example(random, i)
        target = {"pick": "A" if random.random() < 0.8 else "B"}
        examples.append(Example(id=made.id, input=made.input, target=target, group=made.group))
    found = fit_ranker(examples, "pick", SLOT.values)
    assert found is not None
    said = [rank(found, SLOT, each.input).output for each in examples]
    assert sum(answer == {"pick": "A"} for answer in said) >= 93
