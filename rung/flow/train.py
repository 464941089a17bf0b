"""Train an adapter for a task: write the texts, estimate, train, keep the adapter.

Reads train and dev only; what judges a run on the way is dev. Whether the adapter is any good is
for a climb to say, which measures it beside the same route without it (`ladder/sft.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.core.clock import now_utc
from rung.core.config import keep_hub_offline, limit_spinning
from rung.core.errors import ConfigError, GateError, TrainError
from rung.core.seeds import stream
from rung.engines.adapters import base_hash, read_adapter
from rung.engines.models import pull
from rung.gate.touching import check_untouched
from rung.ladder.climb import Step
from rung.store import Artifacts, RunDir
from rung.tasks.answers import Answers
from rung.tasks.rows import read_rows
from rung.tasks.splits import split_hash
from rung.tasks.task import Example, Task
from rung.train.packages import demand_packages
from rung.train.plan import (
    LEARNING_RATES,
    MIN_BATCH,
    TrainOptions,
    TrainPlan,
    estimate,
    suitable_batch,
)
from rung.train.trained import Trained, find_trained, record
from rung.worlds.catalog import load

if TYPE_CHECKING:  # needs the `train` extra
    from rung.train.loop import History, Progress
    from rung.train.methods import Job
    from rung.train.texts import Style

MIN_EXAMPLES = 20
"""With fewer, shots do as well and there is nothing to stop early on."""
MIN_DEV, MAX_DEV = 16, 128
"""Dev examples that judge a run on the way: an eighth of the train examples, within these limits,
so that eight judgements take about a tenth of a run."""
_UNWRITABLE_SHARE = 0.5


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
    """[step, seconds, judgement] on dev."""

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
    packages or too little data, GateError for data that would leak dev or the holdout.
    """
    demand_packages("training")
    limit_spinning()  # before torch is imported
    keep_hub_offline()
    from rung.train.base import base_path
    from rung.train.methods import Job, method
    from rung.train.write import Writer

    learn = method(options.method)
    _loop_settings(options, MIN_BATCH)  # refuses what means nothing, before anything is spent
    task = load(task) if isinstance(task, str) else task
    options = _going_on(task, options)
    _pull(options.model, tell)
    base = base_path(options.model)
    examples, left_out, report = _curated(task, _examples(task, options), options)
    num_dev = min(max(len(examples) // 8, MIN_DEV), MAX_DEV)
    dev = _draw(task.dev, num_dev, options.seed)
    run = RunDir("train", task.name, _settings(task, options, examples, base_hash(base)))
    run.write_json("curation.json", report)
    with Writer(task, base, _style(options)) as writer:
        texts = writer.write(examples, _teller(tell, options.method, "texts"))
        judged = writer.write(dev, _teller(tell, options.method, "dev texts"))
        _demand_enough(task, texts.texts, len(examples), texts.left_out)
        model = _model(base, options, run)
        plan = estimate(model, texts.texts, judged.texts, options, left_out | texts.left_out)
        told(plan)
        if dry_run:
            return plan
        job = Job(
            task=task,
            writer=writer,
            model=model,
            base=base,
            examples=examples,
            texts=texts.texts,
            dev=judged.texts,
            settings=_loop_settings(options, len(texts.texts)),
            folder=run.path,
            tell=watch,
            drawn=_teller(tell, options.method, "answers"),
        )
        history = learn(job)
    return _keep(job, run, plan, options, history)


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
    job: Job, run: RunDir, plan: TrainPlan, options: TrainOptions, history: History
) -> TrainRun:
    """Write the adapter with its lineage, take it into the artifacts, note it in the run."""
    from rung.train.adapter import Lineage, save_adapter
    from rung.train.texts import texts_hash

    metrics = {
        "train_loss": sum(history.losses[-20:]) / len(history.losses[-20:]),
        "num_steps": float(history.step),
        "num_tokens": float(history.num_tokens),
    }
    if history.judgements:
        metrics |= {"dev": history.best, "best_step": float(history.best_step)}
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
        minutes=history.spent_s / 60.0,
        metrics=metrics,
        made=now_utc(),
    )
    record(run, trained)
    return TrainRun(
        plan=plan,
        trained=trained,
        run_dir=str(run.path),
        tokens_per_s=history.tokens_per_s,
        losses=history.losses,
        judgements=history.judgements,
    )


def _examples(task: Task, options: TrainOptions) -> list[Example]:
    """Return what to train on, checked to share nothing with dev or the holdout."""
    if options.data is None:
        if split_hash(task.train) != task.split_hashes["train"]:
            raise GateError(f"the train split of task {task.name!r} is not the one that was locked")
        return _draw(task.train, options.limit or len(task.train), options.seed)
    rows = read_rows(options.data, Answers(task.schema))
    if other := next((split for _, split in rows if split not in (None, "train")), None):
        raise ConfigError(
            f"{options.data} has examples of {other}", hint="train on train examples only"
        )
    examples = [example for example, _ in rows]
    check_untouched(task, examples)
    return examples[: options.limit or len(examples)]


def _going_on(task: Task, options: TrainOptions) -> TrainOptions:
    """Return the options with the start of a method that learns from the model's own answers: the
    task's last SFT adapter, where there is one and no other is named.

    Raises EngineError for a start that is no adapter, before anything is spent on it."""
    if options.start:
        read_adapter(options.start, Artifacts())
    if options.method == "sft" or options.start:
        return options
    found = find_trained(task.name, options.model, "sft")
    if found is None:
        return options
    style = found.style
    return replace(
        options,
        start=found.adapter,
        prompt=style["prompt"],
        learn=style["learn"],
        parallel=bool(style["parallel"]),
    )


def _curated(
    task: Task, examples: Sequence[Example], options: TrainOptions
) -> tuple[list[Example], dict[str, int], dict[str, Any]]:
    """Return the examples fit to train on, how many are left out and why, and the whole report."""
    from rung.forms import compile_form
    from rung.train.curation import SIEVES, Rules, curate

    form = None if task.world else compile_form(task.schema, style=task.style)
    rules = Rules(sieves=SIEVES if options.curate else (), seed=options.seed)
    found = curate(examples, form, rules)
    return list(found.kept), found.left_out, found.report()


def _draw(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """Return `count` examples in random order; a smaller draw is the beginning of a larger."""
    return stream(seed, "train").sample(list(examples), len(examples))[:count]


def _demand_enough(
    task: Task, texts: Sequence[Any], num_examples: int, left_out: dict[str, int]
) -> None:
    num = len({text.example for text in texts})
    worst = max(left_out, key=lambda reason: left_out[reason], default="")
    if num < _UNWRITABLE_SHARE * num_examples:
        raise TrainError(
            f"only {num} of {num_examples} examples of {task.name!r} can be written: {worst}",
            hint="check that targets are what the form can write: rung show",
        )
    if num < MIN_EXAMPLES:
        raise TrainError(
            f"training on {num} examples of {task.name!r}; at least {MIN_EXAMPLES} are needed",
            hint="use them as shots: rung climb NAME --rungs form,examples",
        )


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
        learn=options.learn,
        prompt=options.prompt,
        parallel=options.parallel,
        shuffled=options.shuffled,
        slot_dropout=options.slot_dropout,
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


def _settings(
    task: Task, options: TrainOptions, examples: Sequence[Example], base: str
) -> dict[str, Any]:
    """Return what tells one run from another; equal ones go on where they were stopped."""
    given = asdict(options) | {"data": str(options.data or "")}
    return given | {
        "splits": dict(task.split_hashes),
        "examples": split_hash(examples),
        "base": base,
    }
