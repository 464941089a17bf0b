"""One agent library in a process of its own: reads a task a line, calls tools through the parent.

    python bench/agent_peers_worker.py ARM

Started by `agent_peers.py`, in whatever Python has the library, so it imports nothing of rung. The
first line written says what was loaded. A task is JSON: system, user, tools (name, description,
parameters), writes (the names of tools that change something), base_url, model, max_steps,
max_tokens. While it runs, a line `{"call": {"tool", "arguments"}}` asks for a call and is answered
by a line `{"text"}`; `{"done": {"status", "answer", "reason"}}` ends it. How each library is used
stands in `agent_peers_arms.py`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple, TextIO

LIBRARIES = {
    "raw": (),
    "raw-tools": (),
    "smolagents": ("smolagents",),
    "smolagents-code": ("smolagents",),
    "langchain": ("langchain", "langgraph", "langchain-openai"),
    "autogen": ("autogen-agentchat", "autogen-ext"),
    "effgen": ("effgen",),
}
"""What an arm's versions are read from."""
_LONGEST_REASON = 300


class Ended(NamedTuple):
    """How a run ended: `ok` only where the library says that the work is done."""

    status: str
    answer: str = ""
    reason: str = ""


class Desk:
    """What the parent lends: its world's tools. Calls made side by side wait for each other."""

    def __init__(self, said: TextIO) -> None:
        self._said = said
        self._one_at_a_time = threading.Lock()

    def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """Make a call; return what an agent is told of it."""
        with self._one_at_a_time:
            self.say({"call": {"tool": tool, "arguments": dict(arguments)}})
            return str(json.loads(sys.stdin.readline())["text"])

    def say(self, message: Mapping[str, Any]) -> None:
        """Write one line to the parent."""
        self._said.write(json.dumps(message, default=str) + "\n")
        self._said.flush()


Run = Callable[[dict[str, Any], Desk], Ended]


def main() -> None:
    """Load, then work on tasks until there are no more."""
    arm = sys.argv[1]
    desk = Desk(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)
    run = _load(arm)
    desk.say({"versions": ", ".join(f"{name} {version(name)}" for name in LIBRARIES[arm])})
    while line := sys.stdin.readline():
        desk.say({"done": _tried(run, json.loads(line), desk)._asdict()})


def _load(arm: str) -> Run:
    if arm.startswith("raw"):
        import agent_peers_raw

        return agent_peers_raw.RUNS[arm]
    import agent_peers_arms

    return agent_peers_arms.RUNS[arm]()


def _tried(run: Run, task: dict[str, Any], desk: Desk) -> Ended:
    """Return how a run ended; what a library raises is a failed run."""
    try:
        return run(task, desk)
    except Exception as error:
        logging.exception("the run failed")
        return Ended("failed", "", f"{type(error).__name__}: {error}"[:_LONGEST_REASON])


if __name__ == "__main__":
    main()
