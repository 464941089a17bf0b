"""Every option that takes a number says which ones it takes, and names itself when it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer

from rung.cli.app import app

NONSENSE = ("nan", "inf", "-inf", "1e999", "-1e30", "9" * 40, "much", "")


def commands(group: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield (*words, command.name or command.callback.__name__), command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, (*words, str(inner.name)))


def numbers() -> list[tuple[tuple[str, ...], str]]:
    """Return every verb with each of its options that holds a number."""
    found = []
    for words, callback in commands(app):
        for given in inspect.signature(callback, eval_str=True).parameters.values():
            kinds = [given.annotation, *get_args(given.annotation)]
            kinds += [inner for kind in kinds for inner in get_args(kind)]
            option = next((one for one in kinds if hasattr(one, "param_decls")), None)
            if option and {int, float} & {one for one in kinds if isinstance(one, type)}:
                flags = (option.default, *(option.param_decls or ()))
                found.append((words, next(str(flag) for flag in flags if "-" in str(flag))))
    return found


def test_there_are_such_options() -> None:
    assert {(("climb",), "--budget-usd"), (("traces", "list"), "--limit")} <= set(numbers())
    assert len(numbers()) > 40


@pytest.mark.parametrize(("words", "flag"), numbers(), ids=lambda given: "-".join(given))
def test_a_number_out_of_bounds_is_refused_by_name_and_value(rung_command, words, flag):  # type: ignore[no-untyped-def]
    for given in NONSENSE:
        done = rung_command(*words, f"{flag}={given}")
        assert (done.code, done.out) == (2, ""), given
        assert done.err.startswith(f"error: {flag} is '{given}', not a")
        assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("time", ["nanh", "infh", "-5h", "0h", "9e9d", "1y", "h", ""])
def test_the_time_between_rounds_is_one(rung_command, mail: str, time: str):  # type: ignore[no-untyped-def]
    done = rung_command("improve", mail, "--enable", f"--every={time}")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: --every is {time!r}, no time up to 365d")


@pytest.mark.parametrize("sizes", ["0,1,1", "9999999999,1,1", "1,x,1", "1,1"])
def test_the_sizes_of_a_bundled_task_are_ones_that_can_be_made(rung_command, sizes: str):  # type: ignore[no-untyped-def]
    done = rung_command("init", "desk", "--from", "helpdesk", "--sizes", sizes)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: --sizes ")
