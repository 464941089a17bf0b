"""Train an adapter for a task, or for several: write the texts, estimate, train, keep the adapter.

Reads train and dev only; what judges a run on the way is dev. Whether the adapter is any good is
for a climb to say, which measures it beside the same route without it (`ladder/trained.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.core.clock import now_utc
from rung.core.config import keep_hub_offline, limit_spinning
from rung.core.errors import ConfigError
from rung.engines.adapters import base_hash, read_adapter
from rung.engines.models import pull
from rung.flow.lessons import Lesson, check_mixture, kept_apart, lesson_of, mix, write_texts
from rung.flow.start import demand_same_train, is_of_train
from rung.ladder.climb import Step
from rung.repair.variants import generates
from rung.store import Artifacts, RunDir, file_name
from rung.tasks.splits import split_hash
from rung.tasks.task import Task
from rung.train.packages import demand_packages
from rung.train.plan import (
    LEARNING_RATES,
    MIN_BATCH,
    TrainOptions,
    TrainPlan,
    estimate,
    suitable_batch,
)
from rung.train.rewards import contract_hash
from rung.train.trained import Trained, find_trained, record, record_plan
from rung.worlds.catalog import load

if TYPE_CHECKING:  # needs the `train` extra
    from rung.train.loop import History, Progress
    from rung.train.methods import Job
    from rung.train.texts import Style


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRun:
    """A finished run."""

    plan: TrainPlan
    trained: Trained
    run_dir: str
    tokens_per_s: float
    losses: Sequence[float]
    """Of each step, nats a token."""
    judgements: Sequence[Sequence[float]]
    """[step, seconds, judgement] on dev; step 0 is the start."""
    keeps_start: bool = False
    """Whether nothing was better on dev than the weights that training began with, so that the
    adapter holds these."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def train(
    task: str | Task,
    options: TrainOptions = TrainOptions(),  # noqa: B008  (frozen)
    *,
    dry_run: bool = False,
    tell: Callable[[Step], None] = lambda step: None,
    told: Callable[[TrainPlan], None] = lambda plan: None,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> TrainPlan | TrainRun:
    """Train an adapter and keep it; a run that was stopped goes on where it was.

    `told` gets the plan before training begins, `watch` each step. Raises TrainError for missing
    packages or too little data, GateError for data that would leak dev or the holdout, StoreError
    where another process trains in the run's folder.
    """
    demand_packages("training")
    if options.method != "sft":  # before torch is imported; a loop of steps is faster with it
        limit_spinning()
    keep_hub_offline()
    from rung.train.base import base_path
    from rung.train.methods import Job, method
    from rung.train.write import Writer

    learn = method(options.method)
    _loop_settings(options, MIN_BATCH)  # refuses what means nothing, before anything is spent
    task = load(task) if isinstance(task, str) else task
    others = [load(name) for name in options.also]
    check_mixture(task, others, options.method)
    options = _going_on(task, options)
    own, *theirs = lessons = _lessons(task, others, options)
    _pull(options.model, tell)
    base = base_path(options.model)
    run = RunDir("train", task.name, _settings(lessons, options, base_hash(base)))
    run.write_json("curation.json", own.report)
    alone: AbstractContextManager[None] = nullcontext() if dry_run else run.alone()
    with alone, Writer(task, base, _style(options)) as writer:
        counting = partial(_teller, tell, options.method)
        written = [(own, write_texts(own, writer, counting))]
        for other in theirs:
            run.write_json(f"curation-{file_name(other.task.name)}.json", other.report)
            with Writer(other.task, base, _style(options)) as its:
                written.append((other, write_texts(other, its, counting)))
        texts = mix(written)
        model = _model(base, options, run)
        plan = estimate(model, texts.train, texts.dev, options, texts.left_out)
        record_plan(run, plan, [one.task.name for one in lessons], options.model)
        told(plan)
        if dry_run:
            return plan
        job = Job(
            task=task,
            writer=writer,
            model=model,
            base=base,
            examples=own.examples,
            texts=texts.train,
            dev=texts.dev,
            settings=_loop_settings(options, len(texts.train)),
            folder=run.path,
            tell=watch,
            goes_on=bool(options.start),
            drawn=_teller(tell, options.method, "answers"),
        )
        return _keep(job, run, plan, options, learn(job), also=others)


def _lessons(task: Task, others: Sequence[Task], options: TrainOptions) -> list[Lesson]:
    """Return what the task is trained on, then what the others are, from their train examples; none
    has what is dev or holdout of another."""
    num = 1 + len(others)
    theirs = [
        replace(options, data=None, variants=options.variants if generates(other) else 0)
        for other in others
    ]
    every = zip((task, *others), (options, *theirs), strict=True)
    return kept_apart([lesson_of(*both, num_tasks=num) for both in every])


def _model(base: Path, options: TrainOptions, run: RunDir) -> Any:
    """Return the base with the adapter to train: a fresh one, or the one to go on from."""
    from rung.train.adapter import load_adapter
    from rung.train.base import add_lora, load_base
    from rung.train.precision import for_drawing
    from rung.train.shape import LoraShape

    precision = options.precision
    model = load_base(base, precision if options.method == "sft" else for_drawing(precision))
    if options.start:
        return load_adapter(model, options.start, base, Artifacts(), run.path / "start")
    shape = LoraShape(rank=options.rank, alpha=2 * options.rank, top_layers=options.top_layers)
    return add_lora(model, shape, seed=options.seed)


def _keep(
    job: Job,
    run: RunDir,
    plan: TrainPlan,
    options: TrainOptions,
    history: History,
    *,
    also: Sequence[Task],
) -> TrainRun:
    """Write the adapter with its lineage, take it into the artifacts, note it in the run."""
    from rung.train.adapter import Lineage, save_adapter
    from rung.train.attempts import drawing_s
    from rung.train.texts import texts_hash

    metrics = {
        "train_loss": sum(history.losses[-20:]) / len(history.losses[-20:]),
        "num_steps": float(history.step),
        "num_tokens": float(history.num_tokens),
    }
    if history.judgements:
        metrics |= {"dev": history.best, "best_step": float(history.best_step)}
    if history.start is not None:
        metrics["dev_start"] = history.start
    lineage = Lineage(
        method=options.method,
        task=job.task.name,
        base=options.model,
        base_hash=base_hash(job.base),
        data={
            "train": job.task.split_hashes["train"],
            "examples": split_hash(job.examples),
            "texts": texts_hash(job.texts),
            "dev_texts": texts_hash(job.dev),
            **{f"train of {other.name}": other.split_hashes["train"] for other in also},
        },
        style=asdict(job.writer.style),
        config={
            **asdict(job.settings),
            "rank": options.rank,
            "top_layers": options.top_layers,
            "weights": str(job.model.get_output_embeddings().weight.dtype).removeprefix("torch."),
        },
        seed=options.seed,
        metrics=metrics,
        start=options.start,
    )
    name = save_adapter(job.model, lineage, run.path / "adapter", job.base, Artifacts())
    trained = Trained(
        adapter=name,
        task=job.task.name,
        model=options.model,
        method=options.method,
        style=lineage.style,
        train_hash=job.task.split_hashes["train"],
        num_texts=len(job.texts),
        minutes=(drawing_s(run.path) + history.spent_s) / 60.0,
        metrics=metrics,
        made=now_utc(),
        also={other.name: other.split_hashes["train"] for other in also},
    )
    record(run, trained)
    return TrainRun(
        plan=plan,
        trained=trained,
        run_dir=str(run.path),
        tokens_per_s=history.tokens_per_s,
        losses=history.losses,
        judgements=history.judgements,
        keeps_start=history.keeps_start,
    )


def _going_on(task: Task, options: TrainOptions) -> TrainOptions:
    """Return the options with the start of a method that learns from the model's own answers: the
    task's last SFT adapter, where there is one and no other is named. What is not said otherwise is
    as that adapter had it.

    Raises EngineError for a start that is no adapter, GateError for one that learnt from another
    train split of the task, before anything is spent on it."""
    style: Mapping[str, Any] = {}
    found = None if options.method == "sft" else find_trained(task.name, options.model, "sft")
    if options.start:
        style = read_adapter(options.start, Artifacts()).lineage.get("style", {})
    elif found is not None and is_of_train(task, found.train_hash):
        options, style = replace(options, start=found.adapter), found.style
    if options.start:
        demand_same_train(task, options.start)
    if options.start:
        options = _told_as(options, style)
    parallel = options.parallel if options.parallel is not None else style.get("parallel", False)
    return replace(
        options,
        prompt=options.prompt or style.get("prompt", "bare"),
        learn="values" if parallel else options.learn or style.get("learn", "answer"),
        parallel=bool(parallel),
        remaining=True if options.remaining is None else options.remaining,
    )


def _told_as(options: TrainOptions, style: Mapping[str, Any]) -> TrainOptions:
    """Return the options with an agent told what is left as the adapter to go on from was.

    Raises ConfigError where it is asked for otherwise.
    """
    before = bool(style.get("remaining", False))
    if options.remaining not in (None, before):
        asked, way = ("", "without") if options.remaining else ("no-", "with")
        raise ConfigError(
            f"--{asked}remaining: the adapter to go on from was trained {way} being told which rows"
            " are left",
            hint="leave the option out, or train anew",
        )
    return replace(options, remaining=before)


def _pull(model: str, tell: Callable[[Step], None]) -> None:
    if model.startswith(("transformers:", "http:", "fake:")):
        return

    def pulled(done: int, total: int) -> None:
        tell(Step(route=model, split="pull", done=done >> 20, total=total >> 20, unit="MB"))

    pull(model, progress=pulled)


def _teller(tell: Callable[[Step], None], route: str, split: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(Step(route=route, split=split, done=done, total=total))


def _style(options: TrainOptions) -> Style:
    from rung.train.texts import Style

    return Style(
        learn=options.learn or "answer",
        prompt=options.prompt or "bare",
        parallel=bool(options.parallel),
        shuffled=options.shuffled,
        slot_dropout=options.slot_dropout,
        remaining=bool(options.remaining),
        seed=options.seed,
    )


def _loop_settings(options: TrainOptions, num_texts: int) -> Any:
    from rung.train.loop import Settings

    return Settings(
        epochs=options.epochs,
        batch_size=suitable_batch(options, num_texts),
        learning_rate=options.learning_rate or LEARNING_RATES[options.method],
        minutes=options.minutes,
        seed=options.seed,
    )


def _settings(lessons: Sequence[Lesson], options: TrainOptions, base: str) -> dict[str, Any]:
    """Return what tells one run from another; equal ones go on where they were stopped."""
    own, *others = lessons
    given = asdict(options) | {"data": str(options.data or "")}
    del given["also"]
    also = {one.task.name: [split_hash(one.examples), contract_hash(one.task)] for one in others}
    return given | {
        "splits": dict(own.task.split_hashes),
        "contract": contract_hash(own.task),
        "examples": split_hash(own.examples),
        "base": base,
        **({"also": also} if also else {}),
    }
