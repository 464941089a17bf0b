"""Loads `climbs.py` by path (tests are no package) and shares its realistic climb."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from rung.ladder.result import Climb

_SPEC = importlib.util.spec_from_file_location("climbs", Path(__file__).with_name("climbs.py"))
assert _SPEC is not None and _SPEC.loader is not None
_CLIMBS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_CLIMBS)


@pytest.fixture(scope="session")
def climbs() -> ModuleType:
    return _CLIMBS


@pytest.fixture(scope="session")
def climb() -> Climb:
    return _CLIMBS.realistic()


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
