"""`rung train NAME`: train an adapter on what is left to learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rung.cli.options import MOST, MOST_MINUTES, AsJson, DryRun, Seed, TaskName, number, whole
from rung.cli.out import print_json, say
from rung.cli.progress import show_progress

if TYPE_CHECKING:
    from rung.routes.route import Telling
    from rung.train.loop import Progress
    from rung.train.plan import TrainPlan
    from rung.train.precision import Precision
    from rung.train.texts import Learn

_EVERY_S = 10.0


def train(
    name: TaskName,
    method: Annotated[str, typer.Option("--method", help="sft, rft, dpo or grpo.")] = "sft",
    model: Annotated[str, typer.Option("--model", help="Small model to train.")] = "",
    epochs: Annotated[int, whole("--epochs", 1, 10_000, "Passes over the examples.")] = 3,
    limit: Annotated[int, whole("--limit", 0, MOST, "Train examples; 0: all.")] = 0,
    minutes: Annotated[
        float,
        number("--minutes", 0, MOST_MINUTES, "Stop after this many minutes; 0: after the epochs."),
    ] = 0.0,
    learning_rate: Annotated[
        float, number("--learning-rate", 0, 1, "Highest learning rate; 0: the method's own.")
    ] = 0.0,
    batch_size: Annotated[
        int, whole("--batch-size", 0, 65_536, "Texts in a step; 0: chosen by how many there are.")
    ] = 0,
    precision: Annotated[
        str, typer.Option("--precision", help="Of the frozen weights: bf16, fp32 or auto.")
    ] = "auto",
    prompt: Annotated[
        str, typer.Option("--prompt", help="full, or bare (default): without instructions.")
    ] = "",
    learn: Annotated[
        str,
        typer.Option(
            "--learn", help="answer (default), or values: only the tokens a form leaves open."
        ),
    ] = "",
    parallel: Annotated[
        bool | None,
        typer.Option("--parallel/--no-parallel", help="Train for slots filled side by side."),
    ] = None,
    shuffled: Annotated[
        bool,
        typer.Option(
            "--shuffled",
            help="Write a form's slots in random order, so that each comes first sometimes.",
        ),
    ] = False,
    slot_dropout: Annotated[
        float,
        number("--slot-dropout", 0, 0.9, "Probability of leaving a slot out of a text, 0 to 0.9."),
    ] = 0.0,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Train on this batch of `rung repair --batch` instead of train."
        ),
    ] = None,
    curate: Annotated[
        bool,
        typer.Option("--curate/--no-curate", help="Leave out contradictory and repeated examples."),
    ] = True,
    variants: Annotated[
        int,
        whole("--variants", 0, 10_000, "Examples to make anew of each workflow of train; 0: none."),
    ] = 0,
    remaining: Annotated[
        bool | None,
        typer.Option(
            "--remaining/--no-remaining", help="Tell an agent after each write which rows are left."
        ),
    ] = None,
    start: Annotated[
        str, typer.Option("--start", help="Adapter to go on from, by its whole name.")
    ] = "",
    also: Annotated[
        list[str] | None, typer.Option("--also", help="Another task to train the adapter for.")
    ] = None,
    seed: Seed = 0,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train an adapter: on train examples, judged on dev, resumed where it was stopped."""
    from rung.core.errors import ConfigError
    from rung.engines.catalogue import DEFAULT_MODEL
    from rung.flow.train import TrainRun
    from rung.flow.train import train as run
    from rung.train.plan import TrainOptions

    choices = (
        ("prompt", prompt, ("full", "bare")),
        ("learn", learn, ("answer", "values")),
        ("precision", precision, ("auto", "bf16", "fp32")),
    )
    for option, given, known in choices:
        if given and given not in known:
            raise ConfigError(
                f"--{option} is {given!r}, not one of {', '.join(known)}", hint="rung train --help"
            )
    options = TrainOptions(
        method=method,
        model=model or DEFAULT_MODEL,
        epochs=epochs,
        limit=limit,
        minutes=minutes,
        learning_rate=learning_rate,
        batch_size=batch_size,
        precision=cast("Precision", precision or "auto"),
        prompt=cast("Telling | None", prompt or None),
        learn=cast("Learn | None", learn or None),
        parallel=parallel,
        shuffled=shuffled,
        slot_dropout=slot_dropout,
        data=data,
        curate=curate,
        variants=variants,
        remaining=remaining,
        start=start,
        also=tuple(also or ()),
        seed=seed,
    )
    quiet = as_json
    with show_progress(quiet=quiet) as tell:
        done = run(
            name,
            options,
            dry_run=dry_run,
            tell=tell,
            told=lambda plan: None if quiet else _say_plan(plan),
            watch=_Watch(quiet=quiet),
        )
    if as_json:
        print_json(done.to_json())
    elif isinstance(done, TrainRun):
        trained = done.trained
        print(trained.adapter)
        say(
            f"trained in {trained.minutes:.1f} minutes at {done.tokens_per_s:.0f} tokens/s,"
            f" {_measures(trained.metrics)}; run {done.run_dir}"
        )
        if done.keeps_start:
            say(
                f"nothing was better on dev than the start ({trained.metrics['dev']:.3f}, lower is"
                " better): the adapter holds the weights that training began with"
            )
            return
        say(f"next: rung parity {trained.adapter[:12]}")
        for task in (name, *options.also):
            say(f"then: rung climb {task} --rungs blank,form,{options.method}")


def _say_plan(plan: TrainPlan) -> None:
    say(
        f"estimate: {plan.num_examples} examples, {plan.num_texts} texts of"
        f" {plan.num_tokens} tokens ({plan.num_trained} learnt, {plan.padding:.0%} padding),"
        f" {plan.num_steps} steps, {plan.minutes:.1f} minutes"
    )
    for reason, count in plan.left_out.items():
        say(f"left out: {count} examples, {reason}")


def _measures(metrics: Any) -> str:
    judged = f", {metrics['dev']:.3f} on dev" if "dev" in metrics else ""
    return f"loss {metrics['train_loss']:.3f}{judged}"


class _Watch:
    """Says where training stands, now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._said_ms, self._judged = quiet, 0.0, None

    def __call__(self, progress: Progress) -> None:
        from rung.core.clock import monotonic_ms

        now = monotonic_ms()
        new = progress.judged != self._judged
        if self._quiet or not (new or now - self._said_ms > _EVERY_S * 1000.0):
            return
        self._said_ms, self._judged = now, progress.judged  # type: ignore[assignment]
        judged = "" if progress.judged is None else f", dev {progress.judged:.3f}"
        say(
            f"step {progress.step} of {progress.num_steps}: loss {progress.loss:.3f}{judged},"
            f" {progress.seconds_left / 60.0:.1f} minutes left"
        )
