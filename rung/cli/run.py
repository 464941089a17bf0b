"""`rung run NAME --route R`: evaluate one route, or score a recorded run; write a results file."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.options import AsJson, Limit, Seed, TaskName, number, whole
from rung.cli.out import console, print_json, say
from rung.cli.progress import show_progress


def run(
    name: TaskName,
    route: Annotated[
        str, typer.Option("--route", help="Route by name or hash, e.g. form or recorded:gpt-4.")
    ],
    split: Annotated[
        str, typer.Option("--split", help="train or dev; a recorded run takes all without it.")
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            "--model", help="Model whose route is meant; else the one measured last by this name."
        ),
    ] = "",
    samples: Annotated[int, whole("--samples", 1, 100, "Answers drawn per example.")] = 1,
    temperature: Annotated[
        float, number("--temperature", 0, 2, "Temperature of the draws; 0: the likeliest answer.")
    ] = 0.0,
    limit: Limit = 0,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Evaluate one route on dev (or train); write a results file that `rung compare` reads."""
    from rung import flow
    from rung.flow.run import mean_fields
    from rung.report.export import arm_json
    from rung.report.table import render_run

    with show_progress(quiet=as_json) as tell:
        arm, path = flow.run_route(
            name,
            route,
            split=split,
            model=model,
            samples=samples,
            temperature=temperature,
            limit=limit,
            seed=seed,
            tell=tell,
        )
    if as_json:
        print_json({**arm_json(arm), "fields": mean_fields(arm), "results": str(path)})
    else:
        render_run(arm, console())
        means = ", ".join(f"{name} {mean:.3f}" for name, mean in mean_fields(arm).items())
        print(f"fields   {means}")
        say(f"results file: {path}")
