"""Rungs `sft`, `rft`, `dpo`, `grpo`: a task's last adapter of a method, with and without the form.

Training is never credited for the form: its two arms are proposed together with the same two
without the adapter, so that each effect is measured apart. Training itself takes minutes and is a
command of its own (`rung train`); a rung measures nothing and trains nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from rung.agents.spec import AgentSpec
from rung.core.errors import ConfigError
from rung.ladder import blank, deferral, form
from rung.ladder.agent import blank_route
from rung.ladder.rung import Rung, Situation
from rung.routes.route import Route
from rung.tasks.generation import of_split
from rung.train.plan import MIN_EXAMPLES
from rung.train.trained import Trained, agent_of, find_trained

LEFT = "agent+left"
"""Name of the untrained agent that is told which rows are left, as the trained one is."""
_HOW = {
    "sft": "on train's answers",
    "rft": "on its own answers that were verified",
    "dpo": "on pairs of its own right and wrong answers",
    "grpo": "by the reward of its own answers",
}
"""How each method of `rung train` learns."""


def propose(situation: Situation, method: str) -> tuple[Route, ...]:
    """Propose base, base + form, trained and trained + form; the adapter must be of today's train
    split."""
    trained = _trained(situation, method)
    if situation.task.world:
        return _in_world(situation, trained)
    style = trained.style
    adapted = {"rung": method, "adapter": trained.adapter, "prompt": style["prompt"]}
    free = situation.route(name=trained.method, output="blank", **adapted)
    parallel = bool(style["parallel"])
    held = situation.route(
        name=f"{trained.method}+form", output="form", parallel=parallel, **adapted
    )
    return (blank.propose(situation)[0], form.propose(situation)[0], free, held)


def _in_world(situation: Situation, trained: Trained) -> tuple[Route, ...]:
    """Propose the same four arms of an agent: a blank page or an action form at each step; and the
    last one handing over in doubt.

    What the trained ones are told behind a write (`remaining`) is not training's: an untrained
    agent that is told it, too, is the arm to compare with.
    """
    tools = "none" if trained.style["prompt"] == "bare" else "cards"
    agent = agent_of(trained.style, situation.seed)
    adapted = {"rung": trained.method, "output": "agent", "adapter": trained.adapter}
    plain = AgentSpec(seed=situation.seed)
    told = replace(agent, tools=tools)  # type: ignore[arg-type]
    page = replace(told, loop="text", guards=False, recovery=False)
    base = {"rung": "recovery", "output": "agent"}
    held = situation.route(name=f"{trained.method}+form", agent=told, **adapted)
    left = situation.route(name=LEFT, agent=agent, **base)
    return (
        blank_route(situation),
        situation.route(name="agent", agent=plain, **base),
        *((left,) if agent.remaining else ()),
        situation.route(name=trained.method, agent=page, **adapted),
        held,
        *deferral.deferring(situation, held),
    )


def _trained(situation: Situation, method: str) -> Trained:
    task = situation.task
    command = f"rung train {task.name} --model {situation.model} --method {method}"
    if not situation.capabilities.adapters:
        raise ConfigError(
            f"{situation.model} serves no adapters", hint="name a local model: rung models"
        )
    if len(task.train) < MIN_EXAMPLES:
        raise ConfigError(
            f"task {task.name!r} has {len(task.train)} train examples,"
            f" training needs {MIN_EXAMPLES}",
            hint="use them as shots: --rungs form,examples",
        )
    trained = find_trained(task.name, situation.model, method)
    if trained is None:
        raise ConfigError(
            f"no adapter was trained by {method} for task {task.name!r} and {situation.model}",
            hint=command,
        )
    learnt_from = of_split(task, "train", trained.train_hash)
    if trained.train_hash != learnt_from.split_hashes["train"]:
        raise ConfigError(
            f"adapter {trained.adapter[:12]} was trained on another train split of {task.name!r}",
            hint=command,
        )
    return trained


RUNGS: tuple[Rung, ...] = tuple(
    Rung(
        name=method,
        about=f"an adapter trained {how}, with and without the form, beside the base",
        propose=partial(propose, method=method),
        min_before_stop=30,
    )
    for method, how in _HOW.items()
)
