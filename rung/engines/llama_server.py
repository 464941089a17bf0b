"""llama.cpp's own HTTP server, out of the `xllamacpp` wheel, in a process of its own.

For a wheel whose parameters are not laid out as `llama_library.py` knows them: its own Python
interface can still serve a model. Forms are then filled slot by slot over loopback (`http.py`), not
token by token. The process ends with the engine, and when the process that started it dies, because
its standard input closes. It listens on loopback only and answers no web page.

    python -m rung.engines.llama_server FILE CONTEXT_TOKENS THREADS       serve until input ends
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rung.core.config import num_threads
from rung.core.errors import EngineError
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine

_PROMPT_CACHE_MIB = 512
_END_S = 10.0


class LlamaServerEngine(HttpEngine):
    """Runs one GGUF file in a server of its own; satisfies `Engine`."""

    def __init__(
        self, model: str, path: Path, *, context_tokens: int = 4096, threads: int | None = None
    ) -> None:
        self._process, address = _start(path, context_tokens, threads or num_threads())
        try:
            super().__init__(Endpoint(model=path.stem, base_url=f"{address}/v1", name=model))
        except BaseException:
            _stop(self._process)
            raise

    def close(self) -> None:
        """Close the connections and end the server; calling it twice is fine."""
        super().close()
        _stop(self._process)


def _start(path: Path, context_tokens: int, threads: int) -> tuple[subprocess.Popen[str], str]:
    """Return the process and its address, once it has loaded the model."""
    command = [sys.executable, "-m", __name__, str(path), str(context_tokens), str(threads)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if address:
            return process, address
        _stop(process)
        errors.seek(0)
        said = [line.strip() for line in errors if line.strip()]
    raise EngineError(
        f"llama.cpp's server did not start with {path}: {said[-1] if said else 'no reason given'}",
        hint="rung models pull fetches a model anew; see `rung doctor`",
    )


def _stop(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def serve(path: str, context_tokens: int, threads: int) -> None:
    """Serve a model on a free loopback port, say the address, and end when the input ends."""
    wheel: Any = importlib.import_module("xllamacpp")
    params = wheel.CommonParams()
    params.model.path = path
    params.n_ctx = context_tokens
    params.n_parallel = 1  # requests in turn, so that all of a form find its prompt in the cache
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.cors_origins = "http://127.0.0.1"
    params.ui = params.endpoint_slots = False
    params.verbosity = 0
    server = wheel.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
