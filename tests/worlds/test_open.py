"""Which world a task is played in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rung.core.errors import TaskError
from rung.tasks.task import Task
from rung.worlds.open import WORLDS, identify_world, open_world
from rung.worlds.packed import world_files


def task_of(world: str, path: Path) -> Task:
    return Task(
        name="mail", title="t", instruction="i", schema={}, scoring={}, path=path, world=world
    )


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ("", r"task 'mail' has no world \(write world = "),
        ("operation", r"unknown world 'operation' \(did you mean 'operations'"),
        ("moon", r"unknown world 'moon' \(known: operations, workbench, world.py, mcp"),
        ("world.py", "loading the world: no file .*world.py"),
        ("mcp", "no file .*mcp.toml"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, world: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        open_world(task_of(world, tmp_path))


def test_operations_needs_nothing_from_the_folder(tmp_path: Path) -> None:
    assert open_world(task_of("operations", tmp_path)).name == "operations"


def test_workbench_without_its_tables_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError):
        open_world(task_of("workbench", tmp_path))


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    source = "class WORLD:\n    name = 'own'\n    tools = brief = start = oracle = score = None\n"
    (tmp_path / "world.py").write_text(source)
    assert open_world(task_of("world.py", tmp_path)).name == "own"


def test_opening_imports_no_world_that_is_not_asked_for() -> None:
    probe = (
        "import sys, rung.worlds.open\n"
        "kinds = 'operations', 'workbench', 'mcp', 'user_world'\n"
        "print([k for k in kinds if f'rung.worlds.{k}' in sys.modules], 'mcp' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[] False"
    assert set(WORLDS) == {"operations", "workbench", "world.py", "mcp"}


def test_an_edited_world_is_another_one(tmp_path: Path) -> None:
    task = task_of("workbench", tmp_path)
    assert identify_world(task) == ["workbench"]
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "options.toml").write_text('tools = "all"\n')
    first = identify_world(task)
    (tmp_path / "world" / "options.toml").write_text('tools = "domains"\n')
    assert ["workbench"] != first != identify_world(task)


def test_a_server_of_one_long_line_is_no_file_to_pack(tmp_path: Path) -> None:
    (tmp_path / "mcp.toml").write_text(f"command = ['python', '-c', '{'pass;' * 100}']\n")
    task = Task(
        name="t", title="t", instruction="i", schema={}, scoring={}, path=tmp_path, world="mcp"
    )
    assert list(world_files(task)) == ["mcp.toml"]
