"""What of a task's world goes into a bundle, and what tells a bundled world from a later one.

Of `workbench` the tables and options, of a user's own world its file, of an MCP server `mcp.toml`
and the files that its command names. What these need beside is named by the user. Nothing is run
here, and nothing is read that holds an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rung.core.errors import ConfigError, TaskError, reason_of
from rung.core.hashing import content_hash
from rung.tasks.task import Example, Task
from rung.worlds.open import SIMULATED
from rung.worlds.world import Tool


def world_files(task: Task, also: Sequence[str] = ()) -> dict[str, bytes]:
    """Return the files of the task's folder that its world needs, by their place in it.

    `also` names further ones, for a world of the user's own. Raises TaskError for a file that is
    missing, ConfigError for one that lies elsewhere or that nothing would read.
    """
    if also and task.world not in ("world.py", "mcp"):
        raise ConfigError(
            f"{also[0]!r} cannot go along: task {task.name!r} has no world of your own",
            hint="leave out --with",
        )
    names = dict.fromkeys([*_needed(task), *(Path(name).as_posix() for name in also)])
    return {name: _read(task.path, name) for name in names}


def world_version(world: str) -> str:
    """Return a hash of what agents are told of a bundled world's tools; empty for other worlds.

    An agent that was trained or measured with other tools is another agent.
    """
    told = [[one.name, one.description, one.parameters, one.writes] for one in _tools(world)]
    return content_hash(told) if told else ""


def askable(task: Task, count: int) -> tuple[Example, ...]:
    """Return train examples that a simulated world can be asked elsewhere, of as many groups as
    can be; none for other worlds, which take any request."""
    if task.world not in SIMULATED:
        return ()
    first = {example.group: example for example in reversed(task.train)}
    chosen = {example.id for example in first.values()}
    others = [example for example in task.train if example.id not in chosen]
    return tuple([*reversed(first.values()), *others][:count])


def _needed(task: Task) -> list[str]:
    if task.world == "workbench":
        from rung.worlds.workbench import options, state
        from rung.worlds.workbench.generate import WORLD

        has_options = (task.path / WORLD / options.FILE).is_file()
        tables = [*state.FILES.values(), state.DIRECTORY]
        return [f"{WORLD}/{name}" for name in (*tables, *([options.FILE] * has_options))]
    if task.world == "world.py":
        from rung.worlds import user_world

        return [user_world.FILE]
    if task.world == "mcp":
        from rung.worlds import mcp

        return [mcp.FILE, *_commanded(task.path, mcp.FILE)]
    return []


def _commanded(folder: Path, file: str) -> list[str]:
    """Return the files of the folder that an `mcp.toml` starts its server with."""
    from rung.worlds.mcp_config import read_config

    names = []
    for word in read_config(folder / file).command:
        if Path(word).is_absolute() and Path(word).is_relative_to(folder):
            raise TaskError(
                f"{folder / file}: {word} has that name on this machine only",
                hint=f"write {Path(word).relative_to(folder).as_posix()}",
            )
        if not Path(word).is_absolute() and _is_file(folder / word):
            names.append(Path(word).as_posix())
    return names


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a program of one line, longer than names may be
        return False


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"{name!r} lies outside of the task's folder {folder}", hint="copy it there"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise TaskError(f"reading {path}: {reason_of(error)}") from None


def _tools(world: str) -> list[Tool]:
    if world == "operations":
        from rung.worlds.operations.apps import TOOLS as apps

        return [one.tool for one in apps.values()]
    if world == "workbench":
        from rung.worlds.workbench import helpers
        from rung.worlds.workbench.world import TOOLS as sandboxes

        return [one.tool for one in (*sandboxes, *helpers.TOOLS)]
    return []
