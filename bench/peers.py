"""Other libraries for structured output on llama-cpp-python, each in a process of its own.

    pip install llama-cpp-python guidance       (llama-cpp-python compiles for some minutes)
    pip install llama-cpp-python outlines numba

guidance pins another llguidance than rung needs, so a library may live in another Python:
`bench/forms.py --peer-python PATH`. Each gets the same messages through the model's own chat
template, and the same JSON Schema; `peer_worker.py` is how they are called, as their own
documentation does it: `guidance.json`, a guidance template that writes the keys and leaves values
to `gen` and `select`, and the JSON-schema generator of outlines.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung.core.config import num_threads
from rung.core.records import Effort, Message, Usage
from rung.engines.models import locate
from rung.forms import Form, parse_answer, violation
from rung.routes.runtime import Answer

ARMS = {"guidance": "guidance", "guidance-template": "guidance", "outlines": "outlines"}
"""The library of each arm."""
CONTEXT_TOKENS = 4096
_WORKER = Path(__file__).with_name("peer_worker.py")
_FIND = (
    "import importlib.util as u; print(*[n for n in ('guidance', 'outlines', 'llama_cpp')"
    " if u.find_spec(n)])"
)


class Peer:
    """One arm; its process starts with the first question and ends with `close`."""

    def __init__(self, arm: str, python: str, form: Form, model: str, max_tokens: int) -> None:
        self.name = arm
        self._form = form
        self._command = [python, str(_WORKER), arm]
        self._settings = {
            "model": str(locate(model).path),
            "schema": _bare(form.schema),
            "max_tokens": max_tokens,
            "context_tokens": CONTEXT_TOKENS,
            "threads": num_threads(),
        }
        self._process: subprocess.Popen[str] | None = None

    def ask(self, messages: Sequence[Message]) -> Answer:
        """Answer once; raises RuntimeError when the library's process ends."""
        if self._process is None:
            self._start()
        said = self._exchange([{"role": m.role, "content": m.content} for m in messages])
        output = parse_answer(said["text"], self._form)
        reason = violation(output, self._form) if output is not None else "no fields in the answer"
        return Answer(
            output=output,
            status="failed" if reason else "ok",
            reason=reason,
            text=said["text"],
            usage=Usage(output_tokens=said["generated"], forced_tokens=said["forced"]),
            effort=Effort(passes=said["passes"]),
            latency_ms=said["latency_ms"],
        )

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [*self._command, json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = self._read()
        print(f"# {self.name}: {ready['versions']}; schema compiled in {ready['compile_s']:.1f} s")

    def _exchange(self, request: Any) -> Any:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended, see above")
        return json.loads(line)


def installed(form: Form, model: str, max_tokens: int, pythons: Sequence[str]) -> list[Peer]:
    """Return the arms that can run here, each in the first Python that has its library."""
    if model.startswith("http:"):
        return []
    found = {python: _modules(python) for python in pythons}
    peers = []
    for arm, library in ARMS.items():
        home = next((p for p, names in found.items() if {library, "llama_cpp"} <= names), None)
        if home is None:
            print(f"# {arm}: skipped, no Python with {library} and llama-cpp-python")
        else:
            peers.append(Peer(arm, home, form, model, max_tokens))
    return peers


def _modules(python: str) -> set[str]:
    asked = subprocess.run([python, "-c", _FIND], capture_output=True, text=True, check=True)
    return set(asked.stdout.split())


def _bare(schema: Any) -> Any:
    """Return a schema without rung's own keywords, which other libraries may refuse."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key != "x-rung"}
    return [_bare(value) for value in schema] if isinstance(schema, list) else schema
