"""Tool cards against raw JSON Schemas: tokens, and which tool a model chooses at the right states.

    python bench/cards.py [--task operations] [--model NAME] [--limit 30] [--steps 4] [--shots 0]

Every state is one of the oracle's on a dev example, shown as serving shows it, so no arm pays for
an earlier mistake. A choice is right when it is the tool the oracle takes next. Two choices are
read from the same probabilities: as served, among all tools and the two ways to end; and among the
tools alone, at the states where the oracle takes one, because a small model ends nearly always and
what the documentation does to its choice of a tool is hidden by that. With `--shots` the nearest
train examples are shown as earlier turns, as the rung `examples` does. Both arms meet the same
states; the difference is paired, with a 95 % interval clustered by group. Chance is printed beside.
Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
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
    endings: tuple[str, ...]
    wanted: str

    def among(self, *, endings: bool) -> list[str]:
        """Return what is chosen among; nothing where what is wanted is not among it."""
        some = [name for name in self.tools if endings or name not in self.endings]
        return some if self.wanted in some else []


def states(
    session: Session, example: Example, how: Written, *, steps: int, num_shots: int
) -> Iterator[State]:
    """Yield the first `steps` states of the oracle's episode, documented one way."""
    world = session.runtime.world
    spec = AgentSpec(tools=how, num_shots=num_shots)
    train = session.task.split_hashes["train"]
    tools = actions_of(world.tools(example), abstain=spec.abstain)
    shown = render_steps(
        spec,
        world,
        example,
        world.oracle(example),
        instruction=session.task.instruction,
        shots=session.runtime.shots(example.input, num_shots, train),
    )
    for number, (messages, said) in enumerate(shown):
        if number == steps:
            return
        wanted = next(name for name in tools.names if f'"tool": "{name}"' in said.content)
        yield State(
            group=example.group,
            messages=messages,
            tools=tuple(tools.names),
            endings=tuple(tools.endings),
            wanted=wanted,
        )


def probabilities(session: Session, model: str, state: State) -> dict[str, float]:
    """Return the probability that the model gives each tool and each way to end."""
    form = compile_form(
        {
            "type": "object",
            "properties": {"tool": {"enum": list(state.tools)}},
            "required": ["tool"],
        }
    )
    filled = fill(form, session.runtime.engine(model), state.messages)
    return {json.loads(k): p for k, p in filled.decisions["tool"].probabilities.items()}


def print_choices(
    met: Mapping[Written, Sequence[State]],
    found: Mapping[Written, Sequence[Mapping[str, float]]],
    *,
    endings: bool,
) -> None:
    """Print how often either documentation led to the right choice, and the paired difference."""
    print("among tools and endings, as served" if endings else "among tools alone")
    right: dict[str, list[float]] = {}
    for how in met:
        asked = [
            pair
            for pair in zip(met[how], found[how], strict=True)
            if pair[0].among(endings=endings)
        ]
        groups = [state.group for state, _ in asked]
        right[how] = [
            float(max(state.among(endings=endings), key=p.__getitem__) == state.wanted)
            for state, p in asked
        ]
        low, high = mean_interval(right[how], groups, low=0.0, high=1.0)
        mean = sum(right[how]) / len(asked)
        print(f"  {how:<8} {mean:.3f} [{low:.3f}, {high:.3f}]  {len(asked)} states")
    chance = sum(1 / len(state.among(endings=endings)) for state, _ in asked) / len(asked)
    print(f"  chance   {chance:.3f}")
    both = paired_difference(right["schemas"], right["cards"], groups)
    print(f"  cards - schemas {both.diff:+.3f} [{both.ci[0]:+.3f}, {both.ci[1]:+.3f}]", flush=True)


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
    parser.add_argument("--shots", type=int, default=0)
    given = parser.parse_args()
    with open_session(given.task) as session:
        examples = spread(session, "dev", given.limit)
        met, found = {}, {}
        for how in get_args(Written):
            met[how] = [
                state
                for example in examples
                for state in states(session, example, how, steps=given.steps, num_shots=given.shots)
            ]
            found[how] = [probabilities(session, given.model, state) for state in met[how]]
        for endings in (True, False):
            print_choices(met, found, endings=endings)
        print_sizes(session, given.model, examples[:10])


if __name__ == "__main__":
    main()
