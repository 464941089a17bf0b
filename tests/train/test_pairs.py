"""Pairs by margin: the published golden, and what must hold for any ratings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rung.train.pairs import Rated, pair_by_margin


def rated(*scores: float, lengths: tuple[int, ...] = ()) -> list[Rated]:
    return [
        Rated(id=f"{at:02}", score=score, length=lengths[at] if lengths else 0)
        for at, score in enumerate(scores)
    ]


def scores(found: list) -> list[tuple[float, float]]:  # type: ignore[type-arg]
    return [(pair.chosen.score, pair.rejected.score) for pair in found]


def test_the_golden_of_stars() -> None:
    assert scores(pair_by_margin(rated(5, 4, 2, 1), 2)) == [(5, 1), (4, 2)]


def test_answers_of_like_length_are_paired_first() -> None:
    """The longest right answer would come first by score; the pass of 5 tokens takes the others."""
    some = rated(5, 4, 2, 1, lengths=(90, 12, 10, 11))
    found = pair_by_margin(some, 2)
    assert [(p.chosen.length, p.rejected.length) for p in found] == [(12, 11), (90, 10)]
    assert scores(pair_by_margin(some, 2, length_passes=(5.0, 15.0))) == [(4, 1)]


def test_the_better_answers_take_turns_where_they_may_be_used_again() -> None:
    found = pair_by_margin(rated(1, 1, 0, 0, 0), 1, no_reuse=False)
    assert [pair.chosen.id for pair in found] == ["00", "01", "00"]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=12),
    st.integers(1, 4),
    st.booleans(),
)
def test_pairs_keep_the_margin_and_nobody_is_used_twice(
    answers: list[tuple[int, int]], margin: int, no_reuse: bool
) -> None:
    some = [Rated(id=f"{i:02}", score=s, length=n) for i, (s, n) in enumerate(answers)]
    found = pair_by_margin(some, margin, no_reuse=no_reuse)
    assert all(pair.chosen.score - pair.rejected.score >= margin for pair in found)
    rejected = [pair.rejected.id for pair in found]
    assert len(set(rejected)) == len(rejected)
    if no_reuse:
        used = rejected + [pair.chosen.id for pair in found]
        assert len(set(used)) == len(used)
