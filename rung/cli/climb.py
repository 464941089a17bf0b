"""`rung climb NAME`: the ladder on one task, ending with a verdict."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rung.cli.options import MOST, MOST_MINUTES, AsJson, DryRun, Seed, number, whole
from rung.cli.out import EXIT, console, print_json, say
from rung.cli.progress import show_progress


def climb(
    name: Annotated[str, typer.Argument(help="Task to climb, e.g. helpdesk.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Small model; may be given several times.")
    ] = None,
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            help="Strong model that candidates must match, e.g. http:NAME or recorded:NAME.",
        ),
    ] = "",
    rungs: Annotated[
        str,
        typer.Option("--rungs", help="Climb only these, e.g. blank,form,head or form,calibrated."),
    ] = "",
    limit: Annotated[
        int, whole("--limit", 0, MOST, "Examples per split; 0: as many as fit the time.")
    ] = 0,
    minutes: Annotated[
        float,
        number("--minutes", 0.1, MOST_MINUTES, "Without --limit: minutes to fit the climb into."),
    ] = 3.0,
    seed: Seed = 0,
    budget_usd: Annotated[
        float,
        number("--budget-usd", 0, MOST, "Refuse to start if the estimated cost is above this."),
    ] = 5.0,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Climb the ladder on a task: measure on dev, gate on the holdout, promote the survivor.

    Exit code 0: promoted, 3: hold (evidence too thin), 4: reject.
    """
    from rung import flow
    from rung.flow.climb import Options
    from rung.report.export import climb_json
    from rung.report.table import render_climb

    given: dict[str, Any] = {"models": tuple(model)} if model else {}
    options = Options(
        reference=reference,
        rungs=tuple(part.strip() for part in rungs.split(",") if part.strip()),
        limit=limit,
        minutes=minutes,
        seed=seed,
        budget_usd=budget_usd,
        **given,
    )
    with show_progress(quiet=as_json) as tell:
        plan = flow.plan(name, options, tell)
        if not as_json or dry_run:
            fitted_on = f"{plan.num_train} train, " if plan.num_train else ""
            say(
                f"estimate: {fitted_on}{plan.num_dev} dev and {plan.num_holdout} holdout examples, "
                f"{plan.num_calls} answers, {plan.minutes:.1f} minutes, ${plan.cost_usd:.4f}"
            )
        if dry_run:
            if as_json:
                print_json(plan.to_json())
            return
        result = flow.climb(name, options, tell)
    if as_json:
        print_json(climb_json(result))
    else:
        render_climb(result, console())
    raise typer.Exit(EXIT[result.verdict])
