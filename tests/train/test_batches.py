"""Batches: alike in length, each item once an epoch, prefixes shared, padding counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rung.train.batches import MIN_SHARED, draw_batches, lay_out, padding_waste
from rung.train.texts import Text


def text(*tokens: int, learnt: int) -> Text:
    """Return a text whose last `learnt` tokens are learnt."""
    size = len(tokens)
    marks = tuple(at >= size - learnt for at in range(size))
    return Text(example="e", tokens=tokens, trained=marks)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.integers(1, 9))
def test_every_item_comes_once_an_epoch(lengths: list[int], size: int) -> None:
    first = draw_batches(lengths, size, seed=1, epoch=0)
    assert sorted(at for batch in first for at in batch) == list(range(len(lengths)))
    assert max(map(len, first)) <= size
    assert first == draw_batches(lengths, size, seed=1, epoch=0)


def test_batches_change_with_the_epoch_and_waste_little() -> None:
    lengths = [20 + 7 * (at % 60) for at in range(600)]
    first, second = (draw_batches(lengths, 16, seed=0, epoch=epoch) for epoch in (0, 1))
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}
    assert padding_waste(lengths, first) < 0.10
    unsorted = [list(range(at, at + 16)) for at in range(0, 600 - 15, 16)]
    assert padding_waste(lengths, unsorted) > 0.2


def test_padding_waste_known_answer() -> None:
    assert padding_waste([2, 4, 3], [[0, 1], [2]]) == 1 - 9 / 11


def test_a_batch_is_laid_out_behind_its_shared_beginning() -> None:
    shared = tuple(range(100, 100 + MIN_SHARED))
    layout = lay_out([text(*shared, 1, 2, learnt=1), text(*shared, 1, 3, 4, 5, learnt=2)], pad=0)
    assert layout.prefix == shared[:MIN_SHARED]
    assert layout.rows == ((1, 2, 0, 0), (1, 3, 4, 5))
    assert layout.places == ((0, 0), (1, 1), (1, 2))
    assert layout.labels == (2, 4, 5)
    assert layout.num_real == 2 * MIN_SHARED + 6
    assert layout.num_evaluated == MIN_SHARED + 8


def test_what_comes_before_the_first_learnt_token_stays_in_its_row() -> None:
    """The token before it has logits to give, which a shared prefix does not."""
    same = tuple(range(100, 140))
    layout = lay_out([text(*same, learnt=3), text(*same, 7, learnt=4)], pad=0)
    assert layout.prefix == same[:36]
    assert layout.places[:3] == ((0, 0), (0, 1), (0, 2))


def test_short_beginnings_and_single_texts_share_nothing() -> None:
    few = lay_out([text(1, 2, 3, learnt=1), text(1, 2, 4, learnt=1)], pad=0)
    alone = lay_out([text(*range(30), learnt=1)], pad=0)
    assert few.prefix == alone.prefix == ()
