"""The gateway beside a bare pass-through and LiteLLM's proxy: one machine, one run, one upstream.

    python bench/gateway.py [--seconds 6] [--rate 1000] [--litellm PYTHON] [--out FILE]

LiteLLM needs an environment of its own: `python -m venv X && X/bin/pip install 'litellm[proxy]'`,
then `--litellm X/bin/python`. Every arm is warmed up, then asked flat out by 32 connections, then
at the steady rate (a tenth of it for LiteLLM where it cannot keep up), whole answers and streams.
CPU is that of the arm's process tree, user and system, per answered request. Overhead is the
percentile at the rate minus the same percentile without any gateway. Upstream and load take part of
the same cores: use a quiet machine. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
OURS = {
    "rung, durable": 'mode = "durable"',
    "rung, async": 'mode = "async"',
    "rung, no capture": 'mode = "off"',
}


def free_port() -> int:
    """Return a port nothing listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextmanager
def process(*command: str | Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends."""
    running = subprocess.Popen(
        [str(part) for part in command], env=os.environ | env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def wait_for(port: int, path: str = "", seconds: float = 120) -> None:
    """Wait until a port answers; exits saying which one did not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                pass
            if path:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {port}")


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [grand for child in children for grand in tree(int(child))]


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process tree."""
    total = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process tree."""
    pages = [int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid)]
    return sum(pages) * PAGE / 2**20


def load(url: str, pid: int, *options: str) -> dict[str, Any]:
    """Ask `url`; return what `gateway_load.py` found, with the CPU of `pid` per answer."""
    before = cpu_s(pid)
    done = subprocess.run(
        [sys.executable, HERE / "gateway_load.py", url, *options],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    found["cpu_us"] = round((cpu_s(pid) - before) / max(1, found["n"]) * 1e6)
    return found


def measure(url: str, pid: int, options: argparse.Namespace, *, slow: bool = False) -> Any:
    """Return what one arm did, whole answers and streams, flat out and at the rate."""
    rate = options.rate / 10 if slow else options.rate
    rows: dict[str, Any] = {}
    for kind, flags in (("whole", []), ("stream", ["--stream"])):
        seconds = ["--seconds", str(options.seconds)]
        load(url, pid, "--seconds", "1.5", *flags)
        rows[f"{kind} flat out"] = load(url, pid, *seconds, *flags)
        at_rate = rate / 4 if kind == "stream" else rate
        rows[f"{kind} at rate"] = load(url, pid, *seconds, *flags, "--rate", str(at_rate)) | {
            "rate": at_rate
        }
    return rows | {"rss_mb": round(rss_mb(pid), 1)}


@contextmanager
def ours(upstream: str, capture: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Run `rung serve` with a mode of capture; yield its URL and process id."""
    home = Path(tempfile.mkdtemp(dir=folder))
    (home / "engines.toml").write_text(
        f'[engines.m]\nbase_url = "{upstream}/v1"\nmodel = "m"\nserver = "openai"\n'
        'price = "frontier"\n'
    )
    (home / "gateway.toml").write_text(f"[capture]\n{capture}\n")
    port, admin = free_port(), free_port()
    serve = "from rung.cli import main; main()"
    with process(
        sys.executable, "-c", serve, "serve", "--port", str(port), "--admin-port", str(admin),
        RUNG_HOME=str(home),
    ) as running:  # fmt: skip
        wait_for(port, "/healthz")
        yield f"http://127.0.0.1:{port}", running.pid


@contextmanager
def litellm(python: str, upstream: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Run LiteLLM's proxy; yield its URL and process id."""
    config = folder / "litellm.json"
    model = {"model": "openai/m", "api_base": f"{upstream}/v1", "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": "m", "litellm_params": model}]}))
    port = free_port()
    command = Path(python).with_name("litellm")
    with process(
        command, "--config", config, "--port", str(port), "--telemetry", "False",
        LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR",
        LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",
    ) as running:  # fmt: skip
        wait_for(port, "/health/liveliness")
        yield f"http://127.0.0.1:{port}", running.pid


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every arm in turn."""
    found: dict[str, Any] = {}

    def keep(name: str, rows: Any) -> None:
        found[name] = rows
        print(name, file=sys.stderr, flush=True)
        if options.out:
            options.out.write_text(json.dumps(found, indent=1))

    parts, port, bare_port = HERE / "gateway_parts.py", free_port(), free_port()
    upstream = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with process(sys.executable, parts, "upstream", str(port)) as stub:
            wait_for(port)
            keep("no gateway", measure(upstream, stub.pid, options))
            with process(
                sys.executable, parts, "bare", str(bare_port), f"{upstream}/v1"
            ) as running:
                wait_for(bare_port)
                url = f"http://127.0.0.1:{bare_port}"
                keep("bare pass-through", measure(url, running.pid, options))
            for name, capture in OURS.items():
                with ours(upstream, capture, folder) as (url, pid):
                    keep(name, measure(url, pid, options))
            if options.litellm:
                with litellm(options.litellm, upstream, folder) as (url, pid):
                    keep("LiteLLM proxy", measure(url, pid, options, slow=True))
    return found


def show(found: dict[str, Any]) -> None:
    """Print a table for whole answers and one for streams."""
    direct = found["no gateway"]
    for kind in ("whole", "stream"):
        print(f"\n{kind} answers")
        print("| arm | CPU µs a request | requests/s | at rate/s | overhead p50 / p95 / p99 ms |"
              " RSS MB | wrong |\n|---|---|---|---|---|---|---|")  # fmt: skip
        for name, rows in found.items():
            flat, rated = rows[f"{kind} flat out"], rows[f"{kind} at rate"]
            over = " / ".join(
                f"{rated[q] - direct[f'{kind} at rate'][q]:.2f}"
                for q in ("p50_ms", "p95_ms", "p99_ms")
            )
            wrong = sum(flat["wrong"].values()) + sum(rated["wrong"].values())
            print(
                f"| {name} | {flat['cpu_us']} | {flat['per_s']:.0f} | {rated['rate']:.0f} |"
                f" {over} | {rows['rss_mb']} | {wrong} |"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--litellm", default="")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    show(run(chosen))
