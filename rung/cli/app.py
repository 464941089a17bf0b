"""The list of verbs. Adding one is a file and a line here."""

from __future__ import annotations

from typing import Annotated

import typer

from rung import __version__
from rung.cli import (
    ask,
    climb,
    compare,
    doctor,
    form,
    gate,
    improve,
    init,
    keys,
    memory,
    mode,
    models,
    pack,
    parity,
    promote,
    repair,
    report,
    retain,
    rollback,
    route,
    run,
    serve,
    show,
    tasks,
    traces,
    train,
)

app = typer.Typer(
    name="rung",
    help="Move bounded, repetitive work off frontier models, one proven rung at a time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

VERBS = (
    doctor.doctor,
    init.init,
    tasks.tasks,
    show.show,
    climb.climb,
    run.run,
    compare.compare,
    gate.gate,
    promote.promote,
    rollback.rollback,
    ask.ask,
    form.form,
    parity.parity,
    retain.retain,
    train.train,
    repair.repair,
    improve.improve,
    report.report,
    route.route,
    pack.pack,
    serve.serve,
    mode.mode,
    memory.memory,
)
for verb in VERBS:
    app.command()(verb)
app.add_typer(models.app, name="models")
app.add_typer(traces.app, name="traces")
app.add_typer(keys.app, name="keys")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rung {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Say what rung is; options before a verb."""
