"""Answer inputs by the route in service, one by one or as a resumable batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rung.core.errors import ConfigError, EngineError
from rung.engines.open import price_of_model
from rung.flow.session import open_session
from rung.registry import find_route, promoted
from rung.routes.answer import answer, answered
from rung.routes.asked import Asked, asked
from rung.routes.evaluate import Failures
from rung.routes.runtime import Answer
from rung.store.facts import MAX_OWNER_CHARS
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load
from rung.worlds.open import SIMULATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input, and whose it is: an agent with memory knows what they said before."""

    text: str
    owner: str = ""

    def __post_init__(self) -> None:
        """Raise ConfigError for an owner whose name is too long."""
        if len(self.owner) > MAX_OWNER_CHARS:
            raise ConfigError(
                f"an owner's name has {len(self.owner)} characters, at most {MAX_OWNER_CHARS} fit"
            )


def ask(
    task: str | Task, inputs: Iterable[str | Input], *, route: str = "", again: bool = False
) -> Iterator[Asked]:
    """Yield an answer per input, by the promoted route or by a measured one that is named.

    Answers are stored as they come, so a batch that is started again repeats no call and no write.
    In a world of the user's each of equal inputs is acted on, once however often the batch is
    started.
    With `again` a task that acts on a real system (world `mcp`) acts on every input once more, and
    one with an owner is answered anew. An input whose request a server refuses fails alone, and is
    asked again in the next batch; five in a row raise EngineError, as an outage does.
    Raises ConfigError when nothing is in service, or a simulated world has nothing to start from.
    """
    with open_session(task) as session:
        name = session.task.name
        if route:
            chosen = find_route(session.store, name, route)
        elif serving := promoted(session.store, name):
            chosen = serving.route
        else:
            raise ConfigError(
                f"no route of task {name!r} is in service",
                hint=f"rung climb {name} promotes one, or name a measured route with --route",
            )
        price = price_of_model(chosen.model)
        failures = Failures()
        acts = bool(session.task.world) and session.task.world not in SIMULATED
        num_seen: Counter[Input] = Counter()
        for number, given in enumerate(inputs):
            said = given if isinstance(given, Input) else Input(text=given)
            sample = num_seen[said]
            num_seen[said] += acts
            example = replace(_example(session.task, said.text), owner=said.owner)
            anew = again and (session.task.world == "mcp" or bool(example.owner))
            try:
                if anew:
                    found = answer(chosen, session.runtime, example)
                else:
                    found, _ = answered(chosen, session.runtime, example, sample)
                failures = Failures()
            except EngineError as error:
                if not error.rejected:
                    raise
                failures.bear(error, str(number))
                found = Answer(output=None, status="failed", reason=str(error))
            yield asked(chosen, price, found, session.task.replies)


def example_text(task: str | Task, number: int) -> str:
    """Return the input of a train example, counted from 1: what a simulated world can be asked."""
    loaded = load(task) if isinstance(task, str) else task
    if not 1 <= number <= len(loaded.train):
        raise ConfigError(
            f"task {loaded.name!r} has {len(loaded.train)} train examples here, no number {number}"
        )
    return loaded.train[number - 1].input


def _example(task: Task, text: str) -> Example:
    """Return an input as an example; a simulated world starts as for the example it belongs to."""
    known = () if task.world not in SIMULATED else (*task.train, *task.dev)
    same = next((example for example in known if example.input == text), None)
    if task.world in SIMULATED and same is None:
        raise ConfigError(
            f"task {task.name!r} is played in a simulated world, which is known for its own"
            " examples only",
            hint=f"rung ask {task.name} --example 1 asks the first one",
        )
    asked = Example(id="ask", input=text, target={}, group="ask")
    return asked if same is None else replace(asked, setup=same.setup, earlier=same.earlier)
