"""Tool cards against raw JSON Schemas: tokens, and which tool a model chooses at the right states.

    python bench/cards.py [--task operations] [--model NAME] [--limit 30] [--steps 4]

Every state is one of the oracle's on a dev example, shown as serving shows it, so no arm pays for
an earlier mistake. The model chooses among all tools and the two ways to end; a choice is right
when it is the tool the oracle takes next. Both arms meet the same states; the difference is paired,
with a 95 % interval clustered by group. Chance is printed beside.
Nothing here is a test.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from worlds import spread

from rung.agents.actions import actions_of
from rung.agents.cards import Written, document
from rung.agents.rendering import render_steps
from rung.agents.spec import AgentSpec
from rung.core.records import Message
from rung.engines.base import Request
from rung.engines.catalogue import DEFAULT_MODEL
from rung.flow.session import Session, open_session
from rung.forms import compile_form, fill
from rung.stats.intervals import mean_interval
from rung.stats.paired import paired_difference
from rung.tasks.task import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A state of the oracle's episode: what is said to the model, and the tool to be chosen."""

    group: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    wanted: str


def states(session: Session, example: Example, how: Written, steps: int) -> Iterator[State]:
    """Yield the first `steps` states of the oracle's episode, documented one way."""
    world = session.runtime.world
    spec = AgentSpec(tools=how)
    tools = actions_of(world.tools(example), abstain=spec.abstain)
    shown = render_steps(
        spec, world, example, world.oracle(example), instruction=session.task.instruction
    )
    for number, (messages, said) in enumerate(shown):
        if number == steps:
            return
        wanted = next(name for name in tools.names if f'"tool": "{name}"' in said.content)
        yield State(group=example.group, messages=messages, tools=tuple(tools.names), wanted=wanted)


def chosen(session: Session, model: str, state: State) -> str:
    """Return the tool that the model chooses."""
    form = compile_form(
        {
            "type": "object",
            "properties": {"tool": {"enum": list(state.tools)}},
            "required": ["tool"],
        }
    )
    filled = fill(form, session.runtime.engine(model), state.messages)
    return str((filled.output or {}).get("tool", ""))


def print_sizes(session: Session, model: str, examples: Sequence[Example]) -> None:
    """Print what the documentation takes, in tokens of the model's own vocabulary."""
    engine = session.runtime.engine(model)
    empty = _read(engine.complete(Request(prompt="a", max_tokens=1)))
    saved, groups = [], []
    for example in examples:
        tools = session.runtime.world.tools(example)
        sizes = [
            _read(engine.complete(Request(prompt=f"a{document(tools, how)}", max_tokens=1))) - empty
            for how in ("schemas", "cards")
        ]
        saved.append(1 - sizes[1] / sizes[0])
        groups.append(example.group)
    low, high = mean_interval(saved, groups)
    print(f"cards save {sum(saved) / len(saved):.3f} [{low:.3f}, {high:.3f}] of the tokens")


def _read(done: object) -> int:
    usage = done.usage  # type: ignore[attr-defined]
    return int(usage.prompt_tokens + usage.cached_tokens)


def main() -> None:
    """Print accuracy by arm and the paired difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="operations")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--steps", type=int, default=4)
    given = parser.parse_args()
    with open_session(given.task) as session:
        examples = spread(session, "dev", given.limit)
        right: dict[str, list[float]] = {}
        groups: list[str] = []
        for how in get_args(Written):
            met = [s for e in examples for s in states(session, e, how, given.steps)]
            groups = [state.group for state in met]
            right[how] = [float(chosen(session, given.model, s) == s.wanted) for s in met]
            low, high = mean_interval(right[how], groups, low=0.0, high=1.0)
            mean = sum(right[how]) / len(met)
            print(f"{how:<8} {mean:.3f} [{low:.3f}, {high:.3f}]  {len(met)} states", flush=True)
        chance = sum(1 / len(s.tools) for s in met) / len(met)
        print(f"chance   {chance:.3f}")
        both = paired_difference(right["schemas"], right["cards"], groups)
        print(f"cards - schemas {both.diff:+.3f} [{both.ci[0]:+.3f}, {both.ci[1]:+.3f}]")
        print_sizes(session, given.model, examples[:10])


if __name__ == "__main__":
    main()
