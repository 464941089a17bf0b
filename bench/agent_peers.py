"""Other agent libraries, each in a process of its own that plays in this process's world.

A library lives in an environment of its own (`INSTALL` says how it is made), named with
`bench/agents.py --peer smolagents=PATH/bin/python`; the raw loops need none. The process is given
the task and asks for its calls (`agent_peers_worker.py`), so that every arm meets the same tools,
the same session and the same clock. At its time limit it is ended, and a fresh one started.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_peers_worker import LIBRARIES, Ended

from rung.core.clock import monotonic_ms

INSTALL = {
    "smolagents": "pip install 'smolagents[openai]'",
    "langchain": "pip install langchain langgraph langchain-openai",
    "autogen": "pip install autogen-agentchat 'autogen-ext[openai]'",
    "effgen": "pip install --no-deps effgen==1.3.0 && pip install numpy psutil pyyaml jsonschema"
    " pydantic httpx openai requests rich click jinja2 aiohttp tiktoken python-dotenv tqdm colorama"
    " json5 cachetools pandas scikit-learn",
}
"""What goes into a fresh environment (`python -m venv PATH`) of each library."""
ARMS = tuple(LIBRARIES)
_WORKER = Path(__file__).with_name("agent_peers_worker.py")
_START_S = 120.0


class OutOfTime(Exception):
    """The time limit of a task was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One arm and the Python that it runs in."""

    arm: str
    python: str
    scratch: Path
    """HOME of its processes, which write there."""


def peers(pythons: Mapping[str, str], scratch: Path) -> dict[str, Peer]:
    """Return the arms that can run here; says of the others how to make their environment."""
    found = {}
    for arm in ARMS:
        library = arm.partition("-")[0]
        python = sys.executable if library == "raw" else pythons.get(library, "")
        if python:
            found[arm] = Peer(arm=arm, python=python, scratch=scratch)
        else:
            print(
                f"# {arm}: skipped; python -m venv VENV, in it {INSTALL[library]}; then"
                f" --peer {library}=VENV/bin/python"
            )
    return found


class PeerProcess:
    """Works on one task after the other; use it as a context manager."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._process: subprocess.Popen[str] | None = None
        self.versions = ""

    def __enter__(self) -> PeerProcess:
        self.ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def ready(self) -> None:
        """Start the process and let it load, where it does not run; that is no task's time."""
        if self._process is None:
            self._start()

    def play(
        self, task: Mapping[str, Any], call: Callable[[str, Any], str], limit_s: float
    ) -> Ended:
        """Work on one task; `call` makes a call in the world. Raises OutOfTime."""
        end_ms = monotonic_ms() + limit_s * 1000.0
        said = self._exchange(task, end_ms)
        while "call" in said:
            asked = said["call"]
            said = self._exchange({"text": call(asked["tool"], asked["arguments"])}, end_ms)
        return Ended(**said["done"])

    def _start(self) -> None:
        log = (self._peer.scratch / f"{self._peer.arm}.log").open("a", encoding="utf-8")
        with log:
            self._process = subprocess.Popen(
                [self._peer.python, str(_WORKER), self._peer.arm],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self._peer.scratch,
                env={"PATH": os.environ["PATH"], "HOME": str(self._peer.scratch)},
            )
        self.versions = self._read(monotonic_ms() + _START_S * 1000.0)["versions"]

    def _exchange(self, message: Mapping[str, Any], end_ms: float) -> Any:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return self._read(end_ms)

    def _read(self, end_ms: float) -> Any:
        """Return the next line; there is never more than one unread."""
        assert self._process is not None and self._process.stdout is not None
        left_s = max(end_ms - monotonic_ms(), 0.0) / 1000.0
        if not select.select([self._process.stdout], [], [], left_s)[0]:
            self._kill()
            raise OutOfTime
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self._peer.arm} ended, see its log")
        return json.loads(line)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
