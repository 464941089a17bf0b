"""Run one route on one input: the only place where a route becomes an answer.

`answered` keeps answers in the store. Nothing is scored here, and no target is looked at (except
the oracle's, which is given). What agents do is in `acting.py`, when cascades escalate in
`escalation/cascade.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.agents.journal import FileJournal, Journal
from rung.core.clock import monotonic_ms
from rung.core.config import home
from rung.core.errors import ConfigError, EngineError
from rung.core.hashing import content_hash
from rung.core.records import Message, Usage
from rung.engines.base import Engine, Request, Thinking
from rung.engines.open import library_of
from rung.forms import (
    Choice,
    Const,
    Decision,
    Filling,
    Form,
    Value,
    fill,
    find,
    is_findable,
    parse_answer,
    violation,
)
from rung.forms.decisions import taken
from rung.forms.form import Node
from rung.routes.acting import act, solve
from rung.routes.escalation.cascade import run_cascade
from rung.routes.prompt import build_messages
from rung.routes.rank import rank
from rung.routes.route import Route
from rung.routes.runtime import Answer, Runtime
from rung.routes.spent import is_timed
from rung.stats.decisions import cheapest_answer
from rung.tasks.fields import as_text
from rung.tasks.task import Example, Task
from rung.worlds.open import SIMULATED, identify_world

SCRATCHPAD_TOKENS = 64


def answer(
    route: Route,
    runtime: Runtime,
    example: Example,
    *,
    sample: int = 0,
    journal: Journal | None = None,
    keep_stages: bool = False,
) -> Answer:
    """Answer one input; one that does not fit the model, or asks what the model refuses, becomes an
    answer of status `failed`. Of a route that draws, `sample` says which draw (0, …). A journal is
    for an agent, which goes on where it was killed. The stages of a cascade are answered anew,
    unless their answers are to be kept in the store.

    Raises EngineError for outages and set-up mistakes, ConfigError when the task's form or
    instruction is no longer the one the route was measured with.
    """
    _check_same_task(route, runtime)
    route = route.drawn(example.input, sample)
    if route.output == "constant":
        return Answer(output=json.loads(route.constant), status="ok")
    if route.output == "oracle":
        return solve(runtime, example)
    if route.output == "cascade":

        def ask(stage: Route) -> Answer:
            if keep_stages:
                return answered(stage, runtime, example)[0]
            return answer(stage, runtime, example)

        return run_cascade(route, runtime, example, ask)
    start = monotonic_ms()
    try:
        if route.output == "head":
            return _by_head(route, runtime, example.input)
        if route.output == "ranker":
            return _by_ranker(route, runtime, example.input)
        if route.output == "agent":
            return act(route, runtime, example, journal=journal)
        return _by_model(route, runtime, example.input)
    except EngineError as error:
        if not (error.of_input or error.refused):
            raise
        return Answer(
            output=None,
            status="failed",
            reason=str(error),
            refused=True,
            latency_ms=monotonic_ms() - start,
        )


def answered(
    route: Route, runtime: Runtime, example: Example, sample: int = 0
) -> tuple[Answer, bool]:
    """Return the stored answer, or answer now and store it; the flag says it was stored.

    Where time counts (`Runtime.timing`) it may be answered anew.
    An outage raises EngineError and stores nothing, so that the next run asks again. An agent in a
    world of the user's then goes on after its last step, and so it does after a kill; one process
    at a time works on an input there, which StoreError says to others.
    """
    key = answer_key(route, runtime.task, example, sample)
    may_repeat = not runtime.task.world or runtime.task.world in SIMULATED
    if may_repeat and runtime.made is not None and is_timed(route):
        if key in runtime.made:
            return runtime.made[key], True
    elif (stored := runtime.store.get_answer(key)) is not None:
        return Answer.from_json(stored), True
    if route.agent is None or may_repeat:
        with runtime.meter.work() as share:
            found = answer(route, runtime, example, sample=sample, keep_stages=True)
        found = replace(found, share=share()) if not route.stages else found
        runtime.store.put_answer(key, found.to_json())
        if runtime.made is not None:
            runtime.made[key] = found
        return found, False
    journal = _journal(key)
    with journal.alone():
        stored = runtime.store.get_answer(key)  # kept meanwhile by the process that had it
        if stored is not None:
            return Answer.from_json(stored), True
        found = answer(route, runtime, example, sample=sample, journal=journal, keep_stages=True)
        runtime.store.put_answer(key, found.to_json())
        journal.remove()
    return found, False


def _journal(key: str) -> FileJournal:
    return FileJournal(home() / "journals" / f"{key}.jsonl")


def _check_same_task(route: Route, runtime: Runtime) -> None:
    now = {"form": runtime.form.hash, "instruction": content_hash(runtime.task.instruction)}
    then = {"form": route.form_hash, "instruction": route.instruction_hash}
    changed = [name for name, digest in then.items() if digest and digest != now[name]]
    if changed:
        name = runtime.task.name
        raise ConfigError(
            f"the {' and '.join(changed)} of task {name!r} changed since route {route.name!r}"
            " was measured",
            hint=f"rung climb {name} measures it again, or undo the change",
        )


def _by_head(route: Route, runtime: Runtime, text: str) -> Answer:
    """Choice slots from the head, findable ones by code, other text slots from the input's opening
    words (the lead baseline). A choice that train examples lack may be left out. Where several
    texts could be meant, the route abstains."""
    start = monotonic_ms()
    decided = _decide(route, runtime, text)
    output: dict[str, Any] = {}
    doubts = []
    for name, node in runtime.form.fields:
        if name in decided:
            if not _is_left_out(node, decided[name][0]):
                output[name] = decided[name][0]
        elif isinstance(node, Const):
            output[name] = node.value
        elif isinstance(node, Value) and is_findable(node):
            found = find(node, text)
            output[name] = found.value
            if found.is_ambiguous:
                doubts.append(f"{name} may be {' or '.join(found.candidates)}")
        elif isinstance(node, Value) and node.kind == "text":
            output[name] = _lead(text, node.max_chars)
        else:
            raise ConfigError(f"a head alone cannot fill the field {name!r}")
    broken = violation(output, runtime.form)
    return Answer(
        output=None if broken else output,
        status="failed" if broken else "abstained" if doubts else "ok",
        reason="; ".join(doubts) or broken,
        decisions={path: decision for path, (_, decision) in decided.items()},
        latency_ms=monotonic_ms() - start,
    )


def _is_left_out(node: Node, value: Any) -> bool:
    """Return whether a head's value says that the answer lacks this choice."""
    return value is None and isinstance(node, Choice) and None not in node.values


def _by_ranker(route: Route, runtime: Runtime, text: str) -> Answer:
    slot = next(node for _, node in runtime.form.fields if isinstance(node, Choice))
    budget_ms = runtime.task.latency_budget_ms
    return rank(runtime.ranker(route.head), slot, text, budget_ms=budget_ms)


def _decide(route: Route, runtime: Runtime, text: str) -> dict[str, tuple[Any, Decision]]:
    """Let the head decide; a route that decides by cost takes the value of least expected cost.

    Elkan 2001, "The foundations of cost-sensitive learning", equation 1.
    """
    decided = runtime.head(route.head).decide(text)
    cost = runtime.task.error_cost
    if route.decide == "cheapest" and cost is not None and cost.field in decided:
        _, decision = decided[cost.field]
        keys = list(decision.probabilities)
        if len(keys) > 1:
            values = [json.loads(key) for key in keys]
            names = [as_text(value) for value in values]
            table = [[cost.cost_usd(true, said) for true in names] for said in names]
            best, _ = cheapest_answer(list(decision.probabilities.values()), table)
            decided[cost.field] = (values[best], taken(decision, keys[best]))
    return decided


def _lead(text: str, max_chars: int) -> str:
    """Return the opening of a text, whole words, at most `max_chars` characters."""
    words = " ".join(text.split())
    limit = max_chars or 80
    if len(words) <= limit:
        return words
    return words[: limit + 1].rsplit(" ", 1)[0][:limit]


def _by_model(route: Route, runtime: Runtime, text: str) -> Answer:
    engine = runtime.engine(route.model, route.adapter)
    start = monotonic_ms()
    messages = build_messages(
        runtime.task.instruction,
        runtime.form,
        text,
        shots=[
            (near.input, near.target)
            for near in runtime.shots(text, route.num_shots, route.train_hash)
        ],
        scratchpad=route.thinking == "scratchpad",
        bare=route.prompt == "bare",
    )
    switch = _switch(route, engine)
    if route.output == "form":
        found = _by_form(route, runtime, engine, messages, text, switch)
    else:
        found = _by_text(route, runtime, engine, messages, switch)
    return Answer(
        output=found.output,
        status=found.status,
        reason=found.reason,
        text=found.text,
        decisions=found.decisions,
        usage=found.usage,
        effort=found.effort,
        latency_ms=monotonic_ms() - start,
    )


def _switch(route: Route, engine: Engine) -> Thinking:
    """Map the route's thinking to the native switch where the model has one."""
    if not engine.capabilities.thinking:
        return "default"
    return "on" if route.thinking == "native" else "off"


def _by_text(
    route: Route, runtime: Runtime, engine: Engine, messages: Sequence[Message], switch: Thinking
) -> Answer:
    """A blank page, or the engine's own JSON mode: one call, read tolerantly, checked strictly."""
    completion = engine.complete(
        Request(
            messages=tuple(messages),
            schema=runtime.form.schema if route.output == "json" else None,
            max_tokens=route.max_tokens,
            temperature=route.temperature,
            thinking=switch,
            seed=route.seed,
        )
    )
    is_cut = completion.finish_reason == "length"
    output = parse_answer(completion.text, runtime.form, cut=is_cut)
    reason = violation(output, runtime.form) if output is not None else "no fields in the answer"
    if reason and is_cut:
        reason = f"cut at {route.max_tokens} tokens; {reason}"
    return Answer(
        output=output,
        status="failed" if reason else "ok",
        reason=reason,
        text=completion.text,
        usage=completion.usage,
    )


def _by_form(
    route: Route,
    runtime: Runtime,
    engine: Engine,
    messages: Sequence[Message],
    text: str,
    switch: Thinking,
) -> Answer:
    decided = _decide(route, runtime, text) if route.head else {}
    nodes = dict(runtime.form.fields)
    sure = [p for p in route.head_fields if not _is_left_out(nodes[p], decided[p][0])]
    known = {path: decided[path][0] for path in sure}
    lead, usage = "", Usage()
    if route.thinking != "off":
        lead, usage = _think(engine, messages, switch, route)
    how = Filling(
        known=known,
        priors=runtime.priors(engine, switch) if route.use_priors else {},
        calibration=runtime.calibration(route.calibration) if route.calibration else {},
        scoring=route.scoring,
        parallel=route.parallel,
        thinking=switch,
        max_tokens=route.max_tokens,
        temperature=route.temperature,
        retries=route.retries,
        seed=route.seed,
    )
    filled = fill(runtime.form, engine, messages, how, source=text, lead=lead)
    decisions = {path: decided[path][1] for path in sure} | dict(filled.decisions)
    return Answer(
        output=filled.output,
        status=filled.status,
        reason=filled.reason,
        text=lead + filled.text,
        decisions=decisions,
        usage=usage + filled.usage,
        effort=filled.effort,
    )


def _think(
    engine: Engine, messages: Sequence[Message], switch: Thinking, route: Route
) -> tuple[str, Usage]:
    """Let the model think before the form; return the text to go on from and what it took."""
    native = route.thinking == "native"
    completion = engine.complete(
        Request(
            messages=tuple(messages),
            stop=("</think>",) if native else ("\n", "{"),
            max_tokens=route.max_tokens if native else SCRATCHPAD_TOKENS,
            temperature=route.temperature,
            thinking=switch,
            seed=route.seed,
        )
    )
    end = "</think>\n\n" if native else "\n"
    return completion.text.strip() + end, completion.usage


def answer_key(route: Route, task: Task, example: Example, sample: int = 0) -> str:
    """Return the content hash an answer is cached by: everything that decides it, the llama.cpp
    that runs the model included."""
    parts = (*route.stages, *route.witnesses, route)
    target = example.target if any(part.output == "oracle" for part in parts) else None
    costs = None
    world = [*identify_world(task), example.setup] if task.world else None
    by_cost = route.output == "cascade" or route.decide == "cheapest"
    if by_cost and task.error_cost is not None:
        costs = [
            task.error_cost.field,
            task.error_cost.default_usd,
            sorted(task.error_cost.pairs.items()),
        ]
    ran = library_of(route.model)
    if route.stages:
        ran = " ".join(library_of(part.model) for part in parts)
    if helped := [part.stronger for part in parts if part.stronger]:
        ran = " ".join([ran, *map(library_of, helped)])
    asked = [task.instruction, task.schema, example.input, target, costs, sample, world]
    before = [example.earlier, example.owner] if example.earlier or example.owner else []
    return content_hash([route.drawn(example.input, sample).hash, ran, *asked, *before])


def head_slots(form: Form) -> tuple[Choice, ...]:
    """Return the choice slots a head can fill: the top-level ones."""
    top = {id(node) for _, node in form.fields}
    return tuple(slot for slot in form.choices() if id(slot) in top)
