"""The linear head: learns, is calibrated enough, and survives storage without a pickle."""

from __future__ import annotations

import random

import pytest

import tickets
from rung.core.errors import TrainError
from rung.forms import Choice
from rung.routes.head import Head, fit_head
from rung.routes.similar import SimilarExamples
from rung.tasks.task import Example

SLOTS = (
    Choice(path="label", values=tuple(sorted(tickets.WORDS))),
    Choice(path="urgent", values=(True, False)),
)


def examples(count: int, seed: int) -> list[Example]:
    draw = random.Random(seed)
    made = []
    for number in range(count):
        label = draw.choice(sorted(tickets.WORDS))
        urgent = draw.random() < 0.4
        words = draw.sample(tickets.WORDS[label], 2) + draw.sample(tickets.FILLER, 5)
        words += ["urgent"] if urgent else []
        draw.shuffle(words)
        target = {"label": label, "urgent": urgent}
        made.append(Example(id=str(number), input=" ".join(words), target=target, group=""))
    return made


def test_a_head_learns_and_survives_storage() -> None:
    head = fit_head(examples(150, 1), SLOTS)
    stored = Head.from_bytes(head.to_bytes())
    right = 0
    for example in examples(60, 2):
        found, again = head.decide(example.input), stored.decide(example.input)
        assert found["label"][0] == again["label"][0]
        right += all(found[path][0] == value for path, value in example.target.items())
        decision = found["label"][1]
        assert sum(decision.probabilities.values()) == pytest.approx(1.0)
        assert 0.0 <= decision.margin <= decision.p <= 1.0
    assert right >= 55


def test_equal_data_gives_equal_bytes() -> None:
    assert (
        fit_head(examples(60, 1), SLOTS).to_bytes() == fit_head(examples(60, 1), SLOTS).to_bytes()
    )


def test_one_label_is_certain() -> None:
    only = [Example(id="1", input="a b", target={"label": "x"}, group="")] * 25
    value, decision = fit_head(only, (Choice(path="label", values=("x",)),)).decide("c")["label"]
    assert (value, decision.p) == ("x", 1.0)


def test_a_head_of_another_recipe_is_refused() -> None:
    data = fit_head(examples(40, 1), SLOTS)
    import rung.routes.head as module

    bytes_ = data.to_bytes()
    original = module.FEATURES
    try:
        module.FEATURES = "another"
        with pytest.raises(TrainError, match="climb again|another"):
            Head.from_bytes(bytes_)
    finally:
        module.FEATURES = original


def test_the_nearest_example_comes_last() -> None:
    pool = examples(40, 1)
    near = SimilarExamples(pool).nearest(pool[7].input, 3)
    assert near[-1].input == pool[7].input
    assert len(near) == 3
