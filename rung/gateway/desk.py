"""Answers inputs of tasks by routes, away from the event loop.

Routes that run on this machine take turns in one thread, because one engine has one cache and two
cores are no more than it needs; routes whose model is elsewhere wait in threads of their own. What
is heavy (forms, heads, engines) is imported when a task is first asked. Engines are shared by the
tasks that use the same model, a task's world by all that is made of the task. Which arm answers is
decided in `modes.py`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from rung.core.errors import ConfigError, EngineError, RungError, StoreError
from rung.core.records import Usage
from rung.engines.base import Engine
from rung.gateway.refusal import Refusal
from rung.gateway.systemone import INSTRUCTION, Question, answer_of, own_answer, schema_of
from rung.registry import promoted
from rung.routes.route import Route
from rung.store import Store

if TYPE_CHECKING:
    from rung.routes.asked import Asked
    from rung.routes.runtime import Runtime
    from rung.tasks.task import Task
    from rung.worlds.world import World

T = TypeVar("T")

_REMOTE_THREADS = 16
_log = logging.getLogger(__name__)
OpenEngine = Callable[[str], Engine]


class Outage(Exception):  # noqa: N818 - the caller falls back or refuses
    """A route that could not answer for reasons that are not the input's."""


class Refused(Exception):  # noqa: N818 - the caller says so
    """A model or its server refuses this input as it stands; it answers others."""

    def __init__(self, asked: Asked, rejected: EngineError | None = None) -> None:
        super().__init__(asked.reason)
        self.asked = asked
        """The failed answer that it is."""
        self.rejected = rejected
        """Where a server did it, which does not say whether the input is at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Answers to typed questions, by their ids."""

    answers: dict[str, dict[str, Any]]
    usage: Usage
    cost_usd: float
    served_by: str


@dataclass(slots=True, kw_only=True)
class _Pool:
    """Threads, and how many inputs they have or have waiting."""

    threads: ThreadPoolExecutor
    num_asked: int = 0
    """For requests."""
    num_beside: int = 0
    """Beside an answer that has been sent."""

    @contextmanager
    def place(self, queue: int, *, beside: bool) -> Iterator[None]:
        """Count an input while it is there. Raises Refusal when there are too many.

        Work beside gets a quarter of the queue, while that much is free, and no request is refused
        for it.
        """
        num, room = self.num_asked, queue
        if beside:
            num, room = self.num_asked + self.num_beside, max(1, queue // 4)
        if num >= room:
            raise Refusal(429, "queue_full", f"{num} inputs wait already", retry_after_s=1.0)
        self.num_asked += not beside
        self.num_beside += beside
        try:
            yield
        finally:
            self.num_asked -= not beside
            self.num_beside -= beside


@dataclass(slots=True, kw_only=True)
class _Kit:
    """A task that has been loaded."""

    runtime: Runtime
    parts: dict[tuple[str, ...], Runtime]
    """The same task with some of its fields, by their names; none stands for all."""
    frontier: dict[tuple[str, tuple[str, ...]], Route]
    """Routes of a model for some of the fields."""


class Desk:
    """Loads tasks when they are first asked; `close` ends its threads and engines."""

    def __init__(self, store: Store, *, queue: int, open_engine: OpenEngine | None = None) -> None:
        self._store = store
        self._queue = queue
        self._open = open_engine
        self._lock = threading.RLock()
        self._kits: dict[str, _Kit] = {}
        self._engines: dict[str, Engine] = {}
        self._worlds: dict[tuple[str, ...], World] = {}
        self._serving: dict[str, Route | None] = {}
        self._here = _Pool(threads=ThreadPoolExecutor(1, "rung-engine"))
        self._elsewhere = _Pool(threads=ThreadPoolExecutor(_REMOTE_THREADS, "rung-remote"))
        self._out: set[tuple[str, str]] = set()
        """Tasks and models that could not answer when they were last asked."""
        self._refused: dict[tuple[str, str], set[str]] = {}
        """Of tasks and models: the inputs refused since their last answer."""

    def serving(self, task: str) -> Route | None:
        """Return the route in service of a task; None when there is none."""
        if task not in self._serving:
            found = promoted(self._store, task)
            self._serving[task] = found.route if found else None
        return self._serving[task]

    def reload(self) -> None:
        """Look at the registry anew; tasks stay as they were when they were first asked, unless
        their splits were made anew."""
        self._serving.clear()
        for name, kit in list(self._kits.items()):
            from rung.tasks.generation import is_current

            if not is_current(kit.runtime.task):
                self._kits.pop(name, None)

    async def runtime(self, task: str) -> Runtime:
        """Return a task, loaded. Raises Refusal when it cannot be."""
        try:
            return (await asyncio.to_thread(self._kit, task)).runtime
        except RungError as error:
            raise _unusable(task, error) from None

    async def answer(
        self,
        task: str,
        text: str,
        *,
        frontier: str = "",
        slots: Sequence[str] = (),
        owner: str = "",
        beside: bool = False,
    ) -> Asked:
        """Answer one input by the route in service, or by the frontier model that is named, of
        which `slots` asks for some fields only. An agent with memory knows what `owner` said
        before. `beside`: no request waits for it, so it has less room.

        Raises Refusal when the queue is full, Outage when there is no such route or it fails,
        Refused when it will not have this input.
        """
        route = None if frontier else self.serving(task)
        if route is None and not frontier:
            raise Outage(f"no route of task {task!r} is in service")
        model = frontier or (route.model if route else "")
        given = (route, frontier, (text, owner), tuple(slots))
        return await self._run(model, text, self._answer, task, *given, beside=beside)

    async def decisions(self, task: str, text: str, questions: Mapping[str, Question]) -> Decisions:
        """Answer questions about a text with the model of a task's route, or, without questions,
        tell the task's own choices by the route itself.

        Raises Refusal, Outage and Refused as `answer` does.
        """
        route = self.serving(task)
        if route is None:
            raise Refusal(503, "no_route", f"no route of task {task!r} is in service")
        return await self._run(route.model, text, self._decide, task, route, text, questions)

    def close(self) -> None:
        """Let what runs end, then close the worlds and engines."""
        from rung.worlds.open import close_world

        for pool in (self._here, self._elsewhere):
            pool.threads.shutdown(cancel_futures=True)
        for world in self._worlds.values():
            close_world(world)
        for engine in self._engines.values():
            engine.close()

    async def _run(
        self, model: str, text: str, work: Callable[..., T], task: str, *given: Any,
        beside: bool = False,
    ) -> T:  # fmt: skip
        """Run work on an input in a thread for its model. Raises Refusal, Outage and Refused."""
        pool = self._elsewhere if model.startswith("http:") else self._here
        try:
            with pool.place(self._queue, beside=beside):
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(pool.threads, work, task, *given)
        except Refused as refused:
            rejected = refused.rejected
            if rejected is None or self._is_of_input(task, model, text):
                raise
            self._tell_outage(task, model, rejected)
            raise Outage(str(rejected)) from None
        except (EngineError, StoreError) as error:  # the latter of an artifact that is lost
            self._tell_outage(task, model, error)
            raise Outage(str(error)) from None
        except RungError as error:
            raise _unusable(task, error) from None
        self._out.discard((task, model))
        self._refused.pop((task, model), None)
        return found

    def _is_of_input(self, task: str, model: str, text: str) -> bool:
        """Return whether a refusal is held against this input: until so many in a row were refused
        that it must be what all requests share."""
        from rung.routes.evaluate import MAX_REJECTED

        refused = self._refused.setdefault((task, model), set())
        if len(refused) < MAX_REJECTED:
            refused.add(text)
        return len(refused) < MAX_REJECTED

    def _tell_outage(self, task: str, model: str, error: EngineError | StoreError) -> None:
        """Log that a model answers no more, once until it does; a mistake in its set-up, which does
        not pass, as an error."""
        if (task, model) in self._out:
            return
        self._out.add((task, model))
        passes = isinstance(error, EngineError) and error.retryable
        level = logging.WARNING if passes else logging.ERROR
        _log.log(level, "task %s: %s is out of order: %s", task, model or "its route", error)

    def _answer(
        self,
        task: str,
        route: Route | None,
        frontier: str,
        said: tuple[str, str],
        slots: tuple[str, ...],
    ) -> Asked:
        from rung.engines.open import price_of_model
        from rung.routes.answer import answer
        from rung.routes.asked import asked
        from rung.tasks.task import Example

        text, owner = said
        example = Example(id="ask", input=text, target={}, group="ask", owner=owner)
        kit = self._kit(task)
        chosen = route or self._frontier(kit, frontier, slots)
        runtime = self._part(kit, slots)
        price = price_of_model(chosen.model)
        with _refusing(chosen):
            found = answer(chosen, runtime, example)
        told = asked(chosen, price, found, None if slots else runtime.task.replies)
        if found.refused:
            raise Refused(told)
        return told

    def _decide(
        self, task: str, route: Route, text: str, questions: Mapping[str, Question]
    ) -> Decisions:
        from rung.engines.open import price_of_model
        from rung.engines.prices import cost_usd
        from rung.forms import Filling, compile_form, fill
        from rung.forms.form import join_path
        from rung.routes.answer import answer
        from rung.routes.asked import asked as told_of
        from rung.routes.prompt import build_messages
        from rung.routes.spent import answer_cost_usd
        from rung.tasks.task import Example

        runtime, price = self._kit(task).runtime, price_of_model(route.model)
        if not questions:
            asked = Example(id="ask", input=text, target={}, group="ask")
            with _refusing(route):
                found = answer(route, runtime, asked)
            if found.refused:
                raise Refused(told_of(route, price, found))
            told = found.output if found.status in ("ok", "repaired") else None
            answers = {
                path: own_answer(decision, calibrated=bool(route.calibration))
                for path, decision in (found.decisions if told is not None else {}).items()
            }
            paid = answer_cost_usd(price, found)
            return Decisions(
                answers=answers, usage=found.usage, cost_usd=paid, served_by=route.name
            )
        if not route.model:
            raise ConfigError(f"its route {route.name} has no model to ask")
        form = compile_form(schema_of(questions))
        messages = build_messages(INSTRUCTION, form, text)
        with _refusing(route):
            filled = fill(form, runtime.engine(route.model), messages, Filling(parallel=True))
        answers = {
            name: answer_of(question, decision, calibrated=False)
            for name, question in questions.items()
            if (decision := filled.decisions.get(join_path("", name))) is not None
        }
        paid = cost_usd(price, filled.usage, filled.latency_ms)
        return Decisions(answers=answers, usage=filled.usage, cost_usd=paid, served_by=route.model)

    def _kit(self, name: str) -> _Kit:
        with self._lock:
            if name in self._kits:
                return self._kits[name]
            from rung.worlds.catalog import load
            from rung.worlds.open import SIMULATED

            task = load(name)
            if task.world in SIMULATED:
                raise ConfigError("it is played in a simulated world, not in yours")
            runtime = self._runtime(task)
            self._kits[name] = _Kit(runtime=runtime, parts={(): runtime}, frontier={})
            return self._kits[name]

    def _part(self, kit: _Kit, slots: tuple[str, ...]) -> Runtime:
        with self._lock:
            if slots not in kit.parts:
                from rung.forms.part import part_of

                task = kit.runtime.task
                part = replace(task, schema=part_of(task.schema, slots))
                kit.parts[slots] = self._runtime(part)
            return kit.parts[slots]

    def _runtime(self, task: Task) -> Runtime:
        from rung.routes.runtime import Runtime

        engine, world = self._engine, self._world
        return Runtime(task, open_engine=engine, open_world=world, store=self._store)

    def _world(self, task: Task) -> World:
        """Return a task's world, the same after its splits were made anew."""
        from rung.worlds.open import identify_world, open_world

        with self._lock:
            if (key := (task.name, *identify_world(task))) not in self._worlds:
                self._worlds[key] = open_world(task)
            return self._worlds[key]

    def _engine(self, model: str) -> Engine:
        with self._lock:
            if model not in self._engines:
                from rung.engines.open import open_engine

                self._engines[model] = (self._open or open_engine)(model)
            return self._engines[model]

    def _frontier(self, kit: _Kit, model: str, slots: tuple[str, ...]) -> Route:
        # without the desk's lock: a runtime that opens an engine holds its own and waits for it
        if (model, slots) not in kit.frontier:
            from rung.ladder.baseline import reference_route
            from rung.ladder.rung import Situation

            runtime = self._part(kit, slots)
            kit.frontier[model, slots] = reference_route(
                Situation(
                    task=runtime.task,
                    form=runtime.form,
                    artifacts=runtime.artifacts,
                    model=model,
                    capabilities=runtime.engine(model).capabilities,
                    answers=_answers_nothing,
                )
            )
        return kit.frontier[model, slots]


@contextmanager
def _refusing(route: Route) -> Iterator[None]:
    """Raise Refused where a server will not have what it is asked."""
    from rung.routes.asked import Asked

    try:
        yield
    except EngineError as error:
        if not error.rejected:
            raise
        failed = Asked(output=None, status="failed", route=route.name, reason=error.message)
        raise Refused(failed, error) from None


def _unusable(task: str, error: RungError) -> Refusal:
    return Refusal(503, "task_unusable", f"task {task!r} cannot be served: {error}")


def _answers_nothing(*_: Any) -> list[Any]:
    raise AssertionError("a reference route is proposed without answers")
