"""What every flow needs open: the task, the store and the runtime, closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rung.engines.base import Engine
from rung.engines.open import open_engine, price_of_model
from rung.ladder.climb import Climber, Step
from rung.ladder.rung import Situation
from rung.routes.runtime import Runtime
from rung.store import Store
from rung.tasks.task import Task
from rung.worlds.catalog import load

Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open task."""

    task: Task
    store: Store
    runtime: Runtime
    climber: Climber


def situation(session: Session, model: str, seed: int) -> Situation:
    """Return what rungs may look at for one model; opens its engine."""
    return Situation(
        task=session.task,
        form=session.runtime.form,
        artifacts=session.runtime.artifacts,
        model=model,
        capabilities=session.runtime.engine(model).capabilities,
        answers=session.climber.answers,
        seed=seed,
    )


@contextmanager
def open_session(task: str | Task, tell: Tell | None = None) -> Iterator[Session]:
    """Open a task by name, folder or record; engines are opened when first used."""
    loaded = load(task) if isinstance(task, str) else task
    told = tell or (lambda step: None)
    store = Store()

    def open_telling(model: str) -> Engine:
        def pulled(done: int, total: int) -> None:
            size = max(total, done, 1) >> 20
            told(Step(route=model, split="pull", done=done >> 20, total=size, unit="MB"))

        return open_engine(model, pulled)

    try:
        with Runtime(loaded, open_engine=open_telling, store=store) as runtime:
            climber = Climber(
                runtime=runtime,
                price_of_model=price_of_model,
                tell=told,
            )
            yield Session(task=loaded, store=store, runtime=runtime, climber=climber)
    finally:
        store.close()
