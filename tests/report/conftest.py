"""Shares one realistic climb."""

from __future__ import annotations

import io
from types import ModuleType

import pytest
from rich.console import Console

import climbs as climbs_module
from rung.ladder.result import Climb


@pytest.fixture(scope="session")
def climbs() -> ModuleType:
    return climbs_module


@pytest.fixture(scope="session")
def climb() -> Climb:
    return climbs_module.realistic()


@pytest.fixture
def console_of():
    """A console of a given width that keeps what is printed; `.file.getvalue()` returns it."""

    def make(width: int, *, colour: bool = False) -> Console:
        return Console(
            width=width,
            file=io.StringIO(),
            force_terminal=colour,
            color_system="truecolor" if colour else None,
        )

    return make
