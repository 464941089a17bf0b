"""Agents against each other: same tasks, same world, same server, same model, one table.

    python bench/agents.py [--task operations] [--model NAME] [--limit 10] [--arm NAME]…
                           [--peer LIBRARY=PYTHON]… [--out FILE] [--scratch FOLDER]

Arms: two raw loops, effGen, smolagents (its tool-calling and its code agent), LangChain, AutoGen
(`agent_peers.py`), and ours, through the same server and in this process. A peer without `--peer`
is skipped with the commands that make its environment. All start from the same instruction, tools
and brief, at temperature 0, with the same limits on turns, on tokens of a turn (ours: of a value)
and on time; after that no call counts. Tokens are counted by the server, behind a proxy
(`agent_peers_proxy.py`). "Silent wrong": the agent says that it is done, and the task is not.
Doing nothing is right where a request's condition does not hold, so that share is printed too.

`--out` keeps a line a run; what it holds is not run again, so arms can be run one by one. Use a
quiet machine. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import agent_peers
from agent_arms import OURS, Bench, Limits, Played, play_ours, play_peer
from agent_peers_proxy import CountingProxy
from agent_table import print_table

from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.llama_server import LlamaServerEngine
from rung.engines.models import locate
from rung.ladder.climb import draw
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load
from rung.worlds.open import open_world

CONTEXT_TOKENS = 8192


@contextmanager
def server(model: str) -> Iterator[tuple[CountingProxy, str]]:
    """Yield a counting proxy before llama.cpp's server, and the model's name there."""
    engine = LlamaServerEngine(model, locate(model).path, context_tokens=CONTEXT_TOKENS)
    try:
        proxy = CountingProxy(engine.endpoint.base_url.removesuffix("/v1"))
        try:
            yield proxy, engine.endpoint.model
        finally:
            proxy.close()
    finally:
        engine.close()


def run_arm(
    arm: str, bench: Bench, peers: dict[str, agent_peers.Peer], some: Sequence[Example]
) -> Iterator[Played]:
    """Yield an arm's runs; a server starts with an empty cache for each."""
    if arm == "agent":
        yield from play_ours(arm, bench, some, None)
        return
    with server(bench.model) as (proxy, served):
        if arm in OURS:
            yield from play_ours(arm, bench, some, (proxy, served))
            return
        with agent_peers.PeerProcess(peers[arm]) as process:
            if process.versions:
                print(f"# {arm}: {process.versions}", flush=True)
            for example in some:
                yield play_peer(arm, bench, example, process, (proxy, served))


def kept(path: Path | None) -> list[Played]:
    """Return the runs that a file holds."""
    if path is None or not path.exists():
        return []
    return [Played(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def run(args: argparse.Namespace, task: Task, scratch: Path) -> list[Played]:
    """Return every run of the arms that were asked for, kept ones included."""
    limits = Limits(max_steps=args.steps, max_tokens=args.max_tokens, time_s=args.time)
    bench = Bench(task=task, world=open_world(task), model=args.model, limits=limits)
    some = list(draw(task.dev, args.limit, seed=0, name="dev"))
    found = [
        played
        for played in kept(args.out)
        if played.model == args.model and played.example in {example.id for example in some}
    ]
    peers = agent_peers.peers(dict(pair.split("=", 1) for pair in args.peer or ()), scratch)
    for arm in (*peers, *OURS):
        if args.arm and arm not in args.arm:
            continue
        done = {played.example for played in found if played.arm == arm}
        if todo := [example for example in some if example.id not in done]:
            for played in run_arm(arm, bench, peers, todo):
                found.append(played)
                keep(args.out, played)
    idle = [bench.world.score(example, []).strict for example in some]
    print(f"doing nothing is right in {sum(idle)} of {len(idle)}")
    return found


def keep(path: Path | None, played: Played) -> None:
    """Append a run to the file and say how it went."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(played)) + "\n")
    print(
        f"# {played.arm} {played.example}: {played.status}, strict {played.strict:d},"
        f" {played.wall_s:.1f} s, {len(played.calls)} calls; {played.reason[:90]}",
        flush=True,
    )


def main() -> None:
    """Run the arms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="operations")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--arm", action="append", choices=(*agent_peers.ARMS, *OURS))
    parser.add_argument("--peer", action="append", help="LIBRARY=PYTHON")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--time", type=float, default=60.0, help="seconds a task")
    parser.add_argument("--out", type=Path, help="keeps runs, one a line")
    parser.add_argument("--scratch", type=Path, help="HOME and logs of the peers' processes")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = args.scratch or Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        print_table(run(args, load(args.task), scratch.resolve()))


if __name__ == "__main__":
    main()
