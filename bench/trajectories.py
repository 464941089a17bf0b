"""An agent with its adapter behind the gateway, trajectory by trajectory, and without it.

    python bench/trajectories.py --adapter NAME [--task operations] [--model NAME] [--limit 90]
                                 [--arm specialist|base]… [--other MODEL] [--out FILE]

Each arm is a server of llama.cpp on loopback, `rung serve` before it with durable capture, and an
agent that reaches its model through the gateway alone. `specialist` has the adapter and is told the
request only, as it was trained; `base` is the same model without it, told its job and its tools;
`other` is that agent on `--other`, a stronger model. Dev examples, one of each group in turn.
Loaded cost counts the machine from the start of the server, the other one its answers only. What
the gateway captured is compared with what was asked.

`--out` keeps a line a trajectory; what it holds is not played again, its time is counted as if the
server had not stopped, and the calls kept are those of this process. Use a quiet machine. Nothing
here is a test.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from gateway import free_port, process, wait_for
from worlds import spread

from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.core.clock import monotonic_ms
from rung.core.config import num_threads
from rung.core.records import Usage
from rung.engines.adapters import adapter_for
from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine
from rung.engines.models import locate
from rung.engines.open import LOCAL_PRICE
from rung.engines.prices import cost_usd, price_of
from rung.flow.session import Session, open_session
from rung.stats.intervals import mean_interval
from rung.store.artifacts import Artifacts
from rung.tasks.task import Example
from rung.train.trained import agent_of

CONTEXT_TOKENS = 8192
COLUMNS = (
    "arm", "n", "score", "strict", "extra writes", "p50 / p95 s", "tokens", "cost $", "loaded $",
    "calls kept",
)  # fmt: skip
SERVE = "from rung.cli import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One example worked on by one arm; plain JSON."""

    arm: str
    example: str
    group: str
    status: str
    strict: bool
    action_level: float
    extra_writes: int
    num_steps: int
    tokens: int
    """Prompt, forced and generated tokens that were not in the cache."""
    wall_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Which model an arm has, and what it is told."""

    name: str
    model: str
    adapter: str
    spec: AgentSpec


@contextmanager
def served(arm: Arm, home: Path) -> Iterator[HttpEngine]:
    """Start model server and gateway; yield an engine behind the gateway."""
    base = locate(arm.model).path
    files = [str(base), str(CONTEXT_TOKENS), str(num_threads()), "0"]
    if arm.adapter:
        artifacts = Artifacts()
        files.append(str(artifacts.file(adapter_for(arm.adapter, base, artifacts).gguf)))
    command = [sys.executable, "-m", "rung.engines.llama_server", *files]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        address = server.stdout.readline().strip()
        (home / "engines.toml").write_text(
            f'[engines.agent]\nbase_url = "{address}/v1"\nmodel = "{base.stem}"\n'
            f'server = "llama-server"\nprice = "{LOCAL_PRICE}"\n'
        )
        port, admin = free_port(), free_port()
        with process(
            sys.executable, "-c", SERVE, "serve", "--port", str(port), "--admin-port", str(admin),
            RUNG_HOME=str(home),
        ):  # fmt: skip
            wait_for(port, "/healthz")
            lora = {"lora": [{"id": 0, "scale": 1.0}]} if arm.adapter else {}
            endpoint = Endpoint(
                model="agent",
                base_url=f"http://127.0.0.1:{port}/v1",
                server="llama-server",
                extra=lora,
            )
            with closing(HttpEngine(endpoint)) as engine:
                yield engine
        server.stdin.close()


def play(arm: Arm, session: Session, engine: HttpEngine, example: Example) -> Trajectory:
    """Let the agent work on one example in a world of its own."""
    world, start_ms = session.runtime.world, monotonic_ms()
    episode = run_agent(arm.spec, engine, world, example, session.task.instruction)
    wall_ms = monotonic_ms() - start_ms
    outcome = world.score(example, episode.calls)
    usage = episode.usage
    return Trajectory(
        arm=arm.name,
        example=example.id,
        group=example.group,
        status=episode.status,
        strict=outcome.strict,
        action_level=outcome.action_level,
        extra_writes=outcome.num_extra,
        num_steps=len(episode.steps),
        tokens=usage.prompt_tokens + usage.forced_tokens + usage.output_tokens,
        wall_ms=wall_ms,
    )


def captured(home: Path) -> int:
    """Return how many calls the gateway kept."""
    command = [sys.executable, "-c", SERVE, "traces", "query", "select count(*) as n from calls"]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, check=True, text=True,
        env={"RUNG_HOME": str(home), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return int(json.loads(done.stdout.splitlines()[0])["n"])


def line(arm: str, runs: Sequence[Trajectory], loaded_s: float, kept: int) -> str:
    """Return one arm's row of the table."""
    groups = [run.group for run in runs]
    wall = [run.wall_ms for run in runs]
    price = price_of(LOCAL_PRICE)

    def interval(values: Sequence[float]) -> str:
        low, high = mean_interval(np.array(values), groups, low=0.0, high=1.0)
        return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"

    cells = (
        arm,
        len(runs),
        interval([run.action_level for run in runs]),
        interval([float(run.strict) for run in runs]),
        sum(run.extra_writes for run in runs),
        f"{np.percentile(wall, 50) / 1000:.2f} / {np.percentile(wall, 95) / 1000:.2f}",
        sum(run.tokens for run in runs),
        f"{cost_usd(price, Usage(), sum(wall)):.4f}",
        f"{cost_usd(price, Usage(), loaded_s * 1000.0):.4f}",
        kept,
    )
    return f"| {' | '.join(map(str, cells))} |"


def kept(out: Path | None, arm: str, examples: Sequence[Example]) -> list[Trajectory]:
    """Return the trajectories of an arm that a file holds, one of each of the examples."""
    if out is None or not out.exists():
        return []
    lines = (Trajectory(**json.loads(text)) for text in out.read_text("utf-8").splitlines())
    wanted = {example.id for example in examples}
    found = {run.example: run for run in lines if run.arm == arm and run.example in wanted}
    return list(found.values())


def measure(arm: Arm, session: Session, examples: Sequence[Example], out: Path | None) -> str:
    """Play the examples behind a gateway of their own; return the row of the table."""
    runs = kept(out, arm.name, examples)
    done, earlier_s = {run.example for run in runs}, sum(run.wall_ms for run in runs) / 1000.0
    start_ms = monotonic_ms()
    with tempfile.TemporaryDirectory() as home:
        with served(arm, Path(home)) as engine:
            for example in examples:
                if example.id in done:
                    continue
                runs.append(play(arm, session, engine, example))
                if out:
                    with out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(runs[-1])) + "\n")
        loaded_s = earlier_s + (monotonic_ms() - start_ms) / 1000.0
        return line(arm.name, runs, loaded_s, captured(Path(home)))


def main() -> None:
    """Run the arms in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--adapter", required=True)
    parser.add_argument("--task", default="operations")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=90)
    parser.add_argument("--arm", action="append", choices=("specialist", "base", "other"))
    parser.add_argument("--other", default="qwen2.5-coder-0.5b")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    arms = (
        Arm(
            name="specialist",
            model=given.model,
            adapter=given.adapter,
            spec=replace(agent_of(_style(given.model, given.adapter), 0), tools="none"),
        ),
        Arm(name="base", model=given.model, adapter="", spec=AgentSpec()),
        Arm(name="other", model=given.other, adapter="", spec=AgentSpec()),
    )
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    with open_session(given.task) as session:
        examples = spread(session, "dev", given.limit)
        for arm in arms:
            if arm.name in (given.arm or ("specialist", "base")):
                print(measure(arm, session, examples, given.out), flush=True)


def _style(model: str, adapter: str) -> dict[str, Any]:
    """Return how an adapter's texts were written; its agent must be told the same."""
    found = adapter_for(adapter, locate(model).path, Artifacts())
    return dict(found.lineage.get("style", {}))


if __name__ == "__main__":
    main()
