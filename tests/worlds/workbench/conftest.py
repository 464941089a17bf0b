"""The small office of `offices.py` as a world, and as a data set in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from offices import INES, MARA, TABLES, TOM, write_data_set
from rung.worlds.workbench.options import Options
from rung.worlds.workbench.state import State, make_state
from rung.worlds.workbench.world import WorkBench


@pytest.fixture
def state() -> State:
    return make_state(**TABLES, directory=(MARA, TOM, INES))


@pytest.fixture
def world(state: State) -> WorkBench:
    return WorkBench(state)


@pytest.fixture
def helped(state: State) -> WorkBench:
    """The world with its extra tools."""
    return WorkBench(state, Options(extra_tools=True))


@pytest.fixture
def answering(state: State) -> WorkBench:
    """The world with those that decide conditions and find rows, too."""
    return WorkBench(state, Options(extra_tools="answers"))


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """A folder with a data set: ten queries, two recorded runs."""
    write_data_set(tmp_path / "bench")
    return tmp_path / "bench"
