"""llama.cpp's own HTTP server, out of the `xllamacpp` wheel, in a process of its own.

For a wheel whose parameters are not laid out as `llama_library.py` knows them: its own Python
interface can still serve a model. Forms are then filled slot by slot over loopback (`http.py`), not
token by token. The process ends with the engine, and when the process that started it dies, because
its standard input closes. It listens on loopback only and answers no web page.

The server loads adapters only when it starts, so one that is asked for first starts it again on the
same port with that adapter added; ids of earlier ones stay, and none is evicted.

    python -m rung.engines.llama_server FILE CONTEXT_TOKENS THREADS PORT [ADAPTER…]
                                                                          serve until input ends
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rung.core.config import num_threads
from rung.core.errors import EngineError
from rung.engines.adapters import adapter_for
from rung.engines.base import Request
from rung.engines.catalogue import CONTEXT_TOKENS
from rung.engines.dialects import Dialect
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine
from rung.store.artifacts import Artifacts

_PROMPT_CACHE_MIB = 512
_END_S = 10.0


class LlamaServerEngine(HttpEngine):
    """Runs one GGUF file in a server of its own; satisfies `Engine`."""

    def __init__(
        self,
        model: str,
        path: Path,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        threads: int | None = None,
    ) -> None:
        self._base = path
        self._arguments = (str(path), str(context_tokens), str(threads or num_threads()))
        self._adapters: dict[str, Path] = {}
        self._loading = threading.Lock()
        self._process, address = _start(*self._arguments, "0")
        self._port = str(urlsplit(address).port)
        try:
            super().__init__(Endpoint(model=path.stem, base_url=f"{address}/v1", name=model))
        except BaseException:
            _stop(self._process)
            raise
        able = replace(self._dialect.capabilities, adapters=True)
        self._dialect = replace(self._dialect, capabilities=able)
        self.capabilities = able

    def _body(self, request: Request, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        path, body = super()._body(replace(request, adapter=""), dialect)
        chosen = self._id_of(request.adapter) if request.adapter else -1
        # named one by one: a request without them goes on with the cache of the last adapter
        scales = [{"id": i, "scale": float(i == chosen)} for i in range(len(self._adapters))]
        return path, body | ({"lora": scales} if scales else {})

    def _id_of(self, adapter: str) -> int:
        with self._loading:
            if adapter not in self._adapters:
                artifacts = Artifacts()
                gguf = adapter_for(adapter, self._base, artifacts).gguf
                if not gguf:
                    raise EngineError(
                        f"adapter {adapter[:12]} was not exported for llama.cpp",
                        hint=f"rung parity {adapter[:12]} says why",
                    )
                self._restart({**self._adapters, adapter: artifacts.file(gguf)})
            return list(self._adapters).index(adapter)

    def _restart(self, files: dict[str, Path]) -> None:
        """Serve with these adapters; where it does not start with them, with those it had."""
        _stop(self._process)
        try:
            self._process, _ = _start(*self._arguments, self._port, *map(str, files.values()))
        except EngineError:
            had = map(str, self._adapters.values())
            self._process, _ = _start(*self._arguments, self._port, *had)
            raise
        self._adapters = files

    def close(self) -> None:
        """Close the connections and end the server; calling it twice is fine."""
        super().close()
        _stop(self._process)


def _start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Return the process and its address, once it has loaded the model."""
    command = [sys.executable, "-m", __name__, *arguments]
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
    reason = said[-1] if said else "no reason given"
    raise EngineError(
        f"llama.cpp's server did not start with {arguments[0]}: {reason}",
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


def serve(path: str, context_tokens: int, threads: int, port: int, adapters: list[str]) -> None:
    """Serve a model on a loopback port, 0 for a free one; say the address, end with the input."""
    wheel: Any = importlib.import_module("xllamacpp")
    params = wheel.CommonParams()
    params.model.path = path
    params.n_ctx = context_tokens
    params.n_parallel = 1  # requests in turn, so that all of a form find its prompt in the cache
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.hostnames, params.port = ["127.0.0.1"], port
    params.lora_init_without_apply = True
    params.lora_adapters = [wheel.CommonAdapterLoraInfo(adapter, 1.0) for adapter in adapters]
    params.cors_origins = "http://127.0.0.1"
    params.ui = params.endpoint_slots = False
    params.verbosity = 0
    server = wheel.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    context_tokens, threads, port = map(int, sys.argv[2:5])
    serve(sys.argv[1], context_tokens, threads, port, sys.argv[5:])
