"""What each mechanism of an agent does: the whole agent, and the same without one of them.

    python bench/agent_switches.py [--task workbench] [--adapter NAME] [--model NAME] [--limit 0]
                                   [--arm NAME]… [--split dev|train] [--shots 0]

Arms: `blank`, the raw model on a blank page; without an adapter `default`, the agent as it works
unless told otherwise, `without-form`, the same on a blank page, and `with-remaining`, `with-shown`,
the same with what is off by default; `whole`, with everything; and `no-remaining`, `no-shown`,
`no-guards`, `no-recovery`, the whole agent without that. With `--shots` all but `blank` see so many
solved train examples.

With an adapter the agent works as that one was trained; its texts fix what it is told, so an arm
without a mechanism shows what that mechanism does in service, not what training without it would.
Differences are paired, 95 %, clustered by group;
examples are drawn one of each group in turn. Answers are kept in the store of RUNG_HOME, so the
same command goes on where it stopped. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from worlds import print_arm, print_recorded, spread

from rung.agents.spec import AgentSpec
from rung.engines.adapters import read_adapter
from rung.engines.catalogue import DEFAULT_MODEL
from rung.flow.session import Session, open_session, situation
from rung.ladder.agent import blank_route
from rung.ladder.measure import to_arm
from rung.ladder.result import Arm
from rung.routes.route import Route
from rung.stats.paired import paired_difference
from rung.store.artifacts import Artifacts
from rung.train.trained import agent_of

OPTIONAL = ("remaining", "shown")
SWITCHES = (*OPTIONAL, "guards", "recovery")


def whole_agent(adapter: str, num_shots: int) -> AgentSpec:
    """Return the agent with every mechanism on, told of its tools as its adapter was trained."""
    if not adapter:
        return AgentSpec(remaining=True, shown=True, num_shots=num_shots)
    style = read_adapter(adapter, Artifacts()).lineage["style"]
    tools = "none" if style["prompt"] == "bare" else "cards"
    spec = agent_of(style, seed=0)
    return replace(spec, shown=True, tools=tools, num_shots=num_shots)


def routes(session: Session, given: argparse.Namespace) -> Iterator[Route]:
    """Yield the raw model, the whole agent, and the agent without each switch that is on."""
    small = situation(session, given.model, 0)
    yield blank_route(small)
    whole = whole_agent(given.adapter, given.shots)
    how = {"rung": "sft" if given.adapter else "recovery", "output": "agent"}
    how |= {"adapter": given.adapter}
    if given.shots:
        how |= {"train_hash": session.task.split_hashes["train"]}
    if not given.adapter:
        default = AgentSpec(num_shots=given.shots)
        yield small.route(name="default", agent=default, **how)
        page = replace(default, loop="text")
        yield small.route(name="without-form", agent=page, **how)
        for switch in OPTIONAL:
            yield small.route(
                name=f"with-{switch}", agent=replace(default, **{switch: True}), **how
            )
    yield small.route(name="whole", agent=whole, **how)
    for switch in SWITCHES:
        if getattr(whole, switch):
            yield small.route(name=f"no-{switch}", agent=replace(whole, **{switch: False}), **how)


def print_differences(arms: Sequence[Arm]) -> None:
    """Print what each mechanism adds to the default agent, and to the whole one without it."""
    by_name = {arm.route: arm for arm in arms}
    default, whole = by_name.get("default"), by_name.get("whole")
    for name, arm in by_name.items():
        if default is not None and (name == "whole" or name.startswith("with-")):
            print_difference(f"{name} against default", default, arm)
        if default is not None and name == "without-form":
            print_difference("default against without-form", arm, default)
        if whole is not None and name.startswith("no-"):
            print_difference(f"whole against {name}", arm, whole)


def print_difference(label: str, less: Arm, more: Arm) -> None:
    """Print how much better the second arm is, by score and by strict."""
    mine = {(row.example, row.sample): row for row in less.rows}
    pairs = [(mine[row.example, row.sample], row) for row in more.rows]
    groups = [row.group for _, row in pairs]
    parts = []
    for name in ("score", "strict"):
        without, with_it = (
            [float(getattr(r, name)) for r in rows] for rows in zip(*pairs, strict=True)
        )
        both = paired_difference(without, with_it, groups)
        parts.append(f"{name} {both.diff:+.3f} [{both.ci[0]:+.3f}, {both.ci[1]:+.3f}]")
    changed = sum(a.strict != b.strict for a, b in pairs)
    print(f"- {label}: {', '.join(parts)}; {changed} changed")


def main() -> None:
    """Measure the arms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="workbench")
    parser.add_argument("--adapter", default="")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--arm", action="append")
    parser.add_argument("--split", choices=("dev", "train"), default="dev")
    parser.add_argument("--shots", type=int, default=0)
    given = parser.parse_args()
    with open_session(given.task) as session:
        examples = spread(session, given.split, given.limit or 10**9)
        print(f"{given.task}, {given.model}, {given.split}, load {os.getloadavg()[0]:.2f}")
        print(
            f"{'arm':<22} {'score':<20} {'strict':<20} {'extra':>5} unasked abstained"
            "  prompt  output   p50 s  p95 s  n"
        )
        arms = []
        for route in routes(session, given):
            if given.arm and route.name not in given.arm:
                continue
            rows = session.climber.rows(route, examples, given.split, samples=1)
            arms.append(to_arm(route, rows, given.split, priced_errors=False))
            print_arm(arms[-1])
        print_differences(arms)
        print_recorded(session, arms)


if __name__ == "__main__":
    main()
