"""Works side by side: rounds, results in order, errors, and what is given back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.forms.drive import Work, gather, run


def counting(name: str, sizes: list[int], closed: list[str] | None = None) -> Work[list[Any]]:
    """Want `sizes[i]` things in round i; return all answers."""
    found = []
    try:
        for i, size in enumerate(sizes):
            found.append((yield [f"{name}{i}.{j}" for j in range(size)]))
    finally:
        if closed is not None:
            closed.append(name)
    return found


def expected(name: str, sizes: list[int]) -> list[list[str]]:
    return [[f"{name}{i}.{j}".upper() for j in range(size)] for i, size in enumerate(sizes)]


def upper(wanted: list[str]) -> list[str]:
    return [want.upper() for want in wanted]


SIZES = st.lists(st.integers(0, 3), max_size=4)


@given(st.lists(SIZES, max_size=5))
def test_each_work_gets_its_own_answers_whatever_the_others_want(works: list[list[int]]) -> None:
    rounds: list[list[str]] = []

    def execute(wanted: list[str]) -> list[str]:
        rounds.append(wanted)
        return upper(wanted)

    named = [(chr(97 + i), sizes) for i, sizes in enumerate(works)]
    found = run(gather([counting(name, sizes) for name, sizes in named]), execute)
    assert found == [expected(name, sizes) for name, sizes in named]
    # as many rounds as the longest work has, less those that want nothing at all
    wanted_at = [sum(sizes[i] for sizes in works if i < len(sizes)) for i in range(4)]
    assert [len(wanted) for wanted in rounds] == [size for size in wanted_at if size]


def test_gathered_works_can_be_gathered() -> None:
    inner = gather([counting("a", [1, 2]), counting("b", [1])])
    found = run(gather([inner, counting("c", [0, 0, 1])]), upper)
    assert found == [[expected("a", [1, 2]), expected("b", [1])], expected("c", [0, 0, 1])]


def test_nothing_to_do_asks_nothing() -> None:
    assert run(gather([]), lambda wanted: pytest.fail(f"asked for {wanted}")) == []


class Stop(Exception):
    pass


def failing(num_good: int) -> Work[None]:
    for _ in range(num_good):
        yield ["x"]
    raise Stop


@pytest.mark.parametrize("num_good", [0, 1, 2])
def test_an_error_of_one_work_ends_all_and_each_gives_back_what_it_holds(num_good: int) -> None:
    closed: list[str] = []
    works: list[Work[Any]] = [
        counting("a", [1, 1, 1, 1], closed),
        failing(num_good),
        counting("b", [1], closed),
    ]
    with pytest.raises(Stop):
        run(gather(works), upper)
    started = {"a", "b"} if num_good else {"a"}
    assert set(closed) == started


def test_an_error_of_the_engine_reaches_the_caller_and_ends_the_works() -> None:
    closed: list[str] = []

    def execute(_: list[str]) -> list[str]:
        raise Stop

    with pytest.raises(Stop):
        run(gather([counting("a", [1], closed), counting("b", [1], closed)]), execute)
    assert sorted(closed) == ["a", "b"]


def test_works_may_wait_for_each_other_without_asking() -> None:
    free = [1]

    def borrowing(name: str) -> Work[str]:
        while not free[0]:
            yield []
        free[0] -= 1
        yield [name]
        free[0] += 1
        return name

    rounds: list[list[str]] = []

    def execute(wanted: list[str]) -> list[str]:
        rounds.append(wanted)
        return wanted

    assert run(gather([borrowing(name) for name in "abc"]), execute) == ["a", "b", "c"]
    assert rounds == [["a"], ["b"], ["c"]]
