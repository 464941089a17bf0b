"""Opens the world that a task is played in; what is not needed is not imported."""

from __future__ import annotations

import hashlib

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean
from rung.tasks.task import Task
from rung.worlds.world import World

WORLDS = ("operations", "workbench", "world.py", "mcp")
"""What `world` in `task.toml` may say."""
SIMULATED = ("operations", "workbench")
"""Worlds that start from an example's `setup`; there is nothing to act on without one."""
_FILES = ("world.py", "mcp.toml", "world/options.toml")
"""What a task's folder may say about its world."""


def open_world(task: Task) -> World:
    """Return the task's world.

    `world.py` is the task folder's own file, `mcp` the server of its `mcp.toml`. Raises TaskError
    when the task has no world, names an unknown one, or the folder lacks what the world needs.
    """
    if task.world == "operations":
        from rung.worlds.operations import Operations

        return Operations()
    if task.world == "workbench":
        from rung.worlds.workbench import WorkBench

        return WorkBench.open(task.path / "world")
    if task.world == "world.py":
        from rung.worlds import user_world

        return user_world.load_world(task.path / user_world.FILE)
    if task.world == "mcp":
        from rung.worlds import mcp

        return mcp.McpWorld.open(task.path / mcp.FILE, task.name)
    if not task.world:
        raise TaskError(
            f"task {task.name!r} has no world", hint='write world = "world.py" in its task.toml'
        )
    raise TaskError(
        f"task {task.name!r}: unknown world {task.world!r}", hint=did_you_mean(task.world, WORLDS)
    )


def close_world(world: World) -> None:
    """Let a world end what it has started, such as a server; one without `close` has nothing."""
    close = getattr(world, "close", None)
    if callable(close):
        close()


def identify_world(task: Task) -> list[str]:
    """Return what tells the task's world from another: its name, and what its files say.

    Answers are cached by it, so that an edited world is played anew. What a `world.py` imports is
    not looked into.
    """
    texts = [path.read_bytes() for name in _FILES if (path := task.path / name).is_file()]
    return [task.world, *(hashlib.sha256(text).hexdigest() for text in texts)]
