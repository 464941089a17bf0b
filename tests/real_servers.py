"""Starts a real vLLM on a free loopback port, and stops it with its children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVED = "small"
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "2",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0-1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
_OPTIONS = (
    *("--max-model-len", "2048", "--max-num-seqs", "8", "--enforce-eager"),
    *("--block-size", "32"),
    *("--enable-prefix-caching", "--enable-prompt-tokens-details", "--host", "127.0.0.1"),
    *("--served-model-name", SERVED),
)


@contextmanager
def vllm(program: str, folder: Path, log: Path, *, timeout_s: float = 300.0) -> Iterator[str]:
    """Yield the base URL. `program` is a Python that can import vllm, or the vllm executable."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    if Path(program).name.startswith("python"):
        start = [program, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    else:
        start = [program, "serve", str(folder)]
    with log.open("w", encoding="utf-8") as lines:
        process = subprocess.Popen(
            [*start, "--port", port, *_OPTIONS],
            stdout=lines,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", log, timeout_s)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _stop(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2.0).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"vllm did not start: {log.read_text('utf-8')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kind)
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
        return
