"""What routes need while they run, and what they answer.

The runtime keeps engines, heads, forms, worlds and shot indexes alive between inputs. It runs no
route (`answer.py`) and keeps nothing on disk but content-free priors, through the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any

from rung.core.errors import ConfigError, FormError
from rung.core.hashing import content_hash
from rung.core.records import Effort, Status, Usage
from rung.engines.base import Engine, Thinking
from rung.engines.bound import BoundEngine
from rung.engines.open import leaves_machine, library_of
from rung.forms import Calibration, Decision, Filling, Form, compile_form, content_free_priors
from rung.routes import calibration
from rung.routes.escalation.policy import Policy
from rung.routes.escalation.signals import Signals
from rung.routes.head import Head
from rung.routes.in_flight import Meter
from rung.routes.prompt import build_messages
from rung.routes.ranker import Ranker
from rung.routes.remembering import Remembering
from rung.routes.route import ROUTE_VERSION
from rung.routes.similar import SimilarExamples
from rung.routes.spent import Spent
from rung.store import Artifacts, Store
from rung.tasks.generation import of_split
from rung.tasks.task import Example, Task
from rung.worlds.open import close_world, open_world
from rung.worlds.world import World

CONTENT_FREE = "N/A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a route said about one input; independent of any target."""

    output: dict[str, Any] | None
    status: Status
    reason: str = ""
    stop: str = ""
    """What ended an agent before its time; see `agents/episode.py`."""
    text: str = ""
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    effort: Effort = field(default_factory=Effort)
    latency_ms: float = 0.0
    share: float = 1.0
    """Of that time the part it had to itself, 0 to 1, where several answers were worked on at once.
    A machine that is billed by time is billed for this part."""
    spent: tuple[Spent, ...] = ()
    """What each stage of a cascade took, or an agent and the stronger model it asked. Empty where
    the route's own model did all of it."""
    refused: bool = False
    """The model cannot take this input: it is too long, or asks for what the model does not do."""
    step_p: tuple[float, ...] = ()
    """Of an agent: the probability of each step's least sure choice, where that is known."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Answer:
        """Rebuild an answer from the store."""
        decisions = {path: Decision(**value) for path, value in data["decisions"].items()}
        counts = {"usage": Usage(**data["usage"]), "effort": Effort(**data.get("effort", {}))}
        spent = tuple(
            Spent(**{**one, "usage": Usage(**one["usage"])}) for one in data.get("spent", ())
        )
        sure = tuple(data.get("step_p", ()))
        return cls(**{**data, "decisions": decisions, **counts, "spent": spent, "step_p": sure})


class Runtime:
    """Everything routes of one task need while they run; use it as a context manager."""

    def __init__(
        self,
        task: Task,
        *,
        open_engine: Callable[[str], Engine],
        store: Store,
        artifacts: Artifacts | None = None,
        open_world: Callable[[Task], World] = open_world,
    ) -> None:
        self.task = task
        self.form: Form = _form_of(task)
        self.artifacts = artifacts or Artifacts()
        self.store = store
        self._open_engine = open_engine
        self._open_world = open_world
        self._engines: dict[str, Engine] = {}
        self._bound: dict[tuple[str, str], BoundEngine] = {}
        self._heads: dict[str, Head] = {}
        self._rankers: dict[str, Ranker] = {}
        self._policies: dict[str, tuple[Policy, Signals]] = {}
        self._calibrations: dict[str, dict[str, Calibration]] = {}
        self._priors: dict[str, dict[str, tuple[float, ...]]] = {}
        self._similar: dict[str, SimilarExamples] = {}
        self._world: World | None = None
        self._opening = Lock()
        self.meter = Meter()
        """Of the answers in flight."""
        self.made: dict[str, Answer] | None = None
        """While time counts, the answers made since by their keys; see `timing`."""
        self.remembering = Remembering(store, task.name)

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every engine that was opened, and the world."""
        if self._world is not None:
            close_world(self._world)
            self._world = None
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()
        self._bound.clear()
        self.remembering.close()

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Have answers that are billed by time made anew in this block, each once: a stored one
        tells how long it took in another hour."""
        self.made = {}
        try:
            yield
        finally:
            self.made = None

    def engine(self, model: str, adapter: str = "") -> Engine:
        """Return the engine of a model, opened on first use; its adapters share it.

        Raises ConfigError when the task is to stay on this machine and the model is elsewhere.
        """
        check_stays(self.task, model)
        with self._opening:
            if model not in self._engines:
                self._engines[model] = self._open_engine(model)
            if not adapter:
                return self._engines[model]
            if (model, adapter) not in self._bound:
                self._bound[model, adapter] = BoundEngine(self._engines[model], adapter)
            return self._bound[model, adapter]

    @property
    def world(self) -> World:
        """The world of a task of several steps, opened on first use."""
        with self._opening:
            if self._world is None:
                self._world = self._open_world(self.task)
            return self._world

    def head(self, digest: str) -> Head:
        """Return a fitted head by its artifact hash."""
        if digest not in self._heads:
            self._heads[digest] = Head.from_bytes(self.artifacts.get(digest))
        return self._heads[digest]

    def ranker(self, digest: str) -> Ranker:
        """Return a fitted ranker by its artifact hash."""
        if digest not in self._rankers:
            self._rankers[digest] = Ranker.from_bytes(self.artifacts.get(digest))
        return self._rankers[digest]

    def escalation(self, digest: str) -> tuple[Policy, Signals]:
        """Return a fitted policy by its artifact hash, and what computes the signals it reads."""
        if digest not in self._policies:
            policy = Policy.from_bytes(self.artifacts.get(digest))
            self._policies[digest] = policy, Signals(self.task, policy.rules.words)
        return self._policies[digest]

    def calibration(self, digest: str) -> dict[str, Calibration]:
        """Return the maps of a fitted calibration by slot path, by its artifact hash."""
        if digest not in self._calibrations:
            slots = calibration.from_bytes(self.artifacts.get(digest), self.form)
            self._calibrations[digest] = {path: slot.map for path, slot in slots.items()}
        return self._calibrations[digest]

    def shots(self, text: str, count: int, train_hash: str) -> list[Example]:
        """Return the most similar examples of the train split that a route was made with, nearest
        last."""
        if count <= 0:
            return []
        with self._opening:
            if train_hash not in self._similar:
                train = of_split(self.task, "train", train_hash).train
                self._similar[train_hash] = SimilarExamples(train)
        return self._similar[train_hash].nearest(text, count)

    def priors(self, engine: Engine, thinking: Thinking) -> dict[str, tuple[float, ...]]:
        """Return the content-free option log-likelihoods of the task's form, computed once."""
        ran = [engine.model, library_of(engine.model)]
        asked = [thinking, self.form.hash, self.task.instruction]
        key = content_hash(["priors", ROUTE_VERSION, *ran, *asked])
        if key not in self._priors:
            if (stored := self.store.get_answer(key)) is None:
                messages = build_messages(self.task.instruction, self.form, CONTENT_FREE)
                stored = dict(
                    content_free_priors(self.form, engine, messages, Filling(thinking=thinking))
                )
                self.store.put_answer(key, stored)
            self._priors[key] = {path: tuple(scores) for path, scores in stored.items()}
        return self._priors[key]


def check_stays(task: Task, model: str) -> None:
    """Raise ConfigError when a task with `local_only` would ask a model that is elsewhere."""
    if task.local_only and leaves_machine(model):
        raise ConfigError(
            f"task {task.name!r} is local_only, and {model} is not on this machine",
            hint="take a local model, or set local_only = false in its task.toml",
        )


def _form_of(task: Task) -> Form:
    form = compile_form(task.schema, style=task.style)
    if not form.fields:
        raise FormError(
            f"task {task.name!r}: its form has no fields of fixed names",
            hint="give form.json an object with properties",
        )
    return form
