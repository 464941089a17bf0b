"""`rung route NAME mine|fit|show|simulate`: when to escalate, and what it is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rung.cli.options import MOST, MOST_MINUTES, AsJson, DryRun, Limit, Seed, TaskName, number
from rung.cli.out import print_json, say
from rung.cli.progress import show_progress
from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean

ACTIONS = ("mine", "fit", "show", "simulate")
GOALS = ("expected", "tuned", "accuracy")


def route(
    name: TaskName,
    action: Annotated[str, typer.Argument(help="mine, fit, show or simulate.")] = "show",
    specialist: Annotated[
        str, typer.Option("--specialist", help="Measured route; default: the one in service.")
    ] = "",
    stronger: Annotated[
        list[str] | None,
        typer.Option("--stronger", help="Route or http: model to escalate to; the strongest last."),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", help="Cheap route asked as well: disagreement is a signal."),
    ] = None,
    person_minutes: Annotated[
        float,
        number(
            "--person-minutes",
            0,
            MOST_MINUTES,
            "Minutes a person needs for a request; above 0, doubts end with one.",
        ),
    ] = 0.0,
    person_errors: Annotated[
        float,
        number("--person-errors", 0, 0.99, "Share of answers that the person gets wrong, 0 to 1."),
    ] = 0.02,
    error_usd: Annotated[
        float,
        number(
            "--error-usd", 0, MOST, "Cost of a wrong answer where the task names none; above 0."
        ),
    ] = 1.0,
    goal: Annotated[
        str, typer.Option("--goal", help="How thresholds are chosen: expected, tuned or accuracy.")
    ] = "expected",
    max_risk: Annotated[
        float, number("--max-risk", 0, 0.99, "Certify an error rate of at most this; 0: do not.")
    ] = 0.0,
    max_loss_usd: Annotated[
        float,
        number(
            "--max-loss-usd", 0, MOST, "Bound the cost of errors per request by this; 0: do not."
        ),
    ] = 0.0,
    doubt: Annotated[bool, typer.Option(help="Escalate on fitted doubt.")] = True,
    rules: Annotated[bool, typer.Option(help="Escalate by rules.toml.")] = True,
    volume: Annotated[
        float, number("--volume", 0, MOST, "Requests a day; 0: the task's volume_per_day.")
    ] = 0.0,
    training_usd: Annotated[
        float, number("--training-usd", 0, MOST, "What one training costs.")
    ] = 0.0,
    training_serves: Annotated[
        float, number("--training-serves", 0, MOST, "Requests until training is redone; 0: never.")
    ] = 0.0,
    hosting_usd_per_day: Annotated[
        float, number("--hosting-usd-per-day", 0, MOST, "What the serving machine costs a day.")
    ] = 0.0,
    html: Annotated[
        Path | None, typer.Option("--html", help="With show: write a page here.")
    ] = None,
    limit: Limit = 0,
    seed: Seed = 0,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Mine escalation rules, fit a cascade, show what is in force, or price it at your volume."""
    if action not in ACTIONS:
        raise ConfigError(f"unknown action {action!r}", hint=did_you_mean(action, ACTIONS))
    if goal not in GOALS:
        raise ConfigError(f"--goal is {goal!r}", hint=did_you_mean(goal, GOALS))
    if action == "show":
        _show(name, html, as_json)
        return
    if action == "simulate":
        _simulate(
            name,
            as_json,
            volume_per_day=volume,
            training_usd=training_usd,
            training_serves=training_serves or float("inf"),
            hosting_usd_per_day=hosting_usd_per_day,
        )
        return
    from rung.flow.route_rows import Asking

    asking = Asking(
        specialist=specialist,
        stronger=tuple(stronger or ()),
        witnesses=tuple(witness or ()),
        person_minutes=person_minutes,
        person_errors=person_errors,
        error_usd=error_usd,
        limit=limit,
        seed=seed,
    )
    if dry_run:
        _estimate(name, asking, as_json)
    elif action == "mine":
        _mine(name, asking, as_json)
    else:
        choice = {"goal": goal, "max_risk": max_risk, "max_loss_usd": max_loss_usd}
        choice |= {"use_doubt": doubt, "use_rules": rules}
        _fit(name, asking, choice, as_json)


def _estimate(name: str, asking: Any, as_json: bool) -> None:
    from rung.flow.route import count_missing

    missing = count_missing(name, asking)
    print_json({"num_calls": missing}) if as_json else print(f"answers to ask for: {missing}")


def _mine(name: str, asking: Any, as_json: bool) -> None:
    from rung.flow.route import mine_rules
    from rung.routes.escalation.rules_file import rules_to
    from rung.routes.escalation.wording import rule_sentence

    with show_progress(quiet=as_json) as tell:
        mined, written = mine_rules(name, asking, tell)
    if as_json:
        rejected = [rule.id for rule in mined.rejected]
        print_json({**rules_to(written), "rejected": rejected, "num_held_out": mined.num_held_out})
        return
    for rule in mined.kept:
        print(f"keep    {rule.id}: {rule_sentence(rule, written.words)}")
    for rule in mined.rejected:
        print(f"reject  {rule.id}: {rule_sentence(rule, written.words)}")
    found, held = mined.num_found_on, mined.num_held_out
    say(
        f"found on {found} rows, judged on {held} others;"
        f" rules.toml is at version {written.version}"
    )
    say(f"next: rung route {name} fit --stronger ROUTE, or --person-minutes 5")


def _fit(name: str, asking: Any, choice: dict[str, Any], as_json: bool) -> None:
    from rung.flow.route import fit, fit_json
    from rung.report.export import finite

    with show_progress(quiet=as_json) as tell:
        fitted, made, folder = fit(name, asking, tell=tell, **choice)
    if fitted is None:
        found: dict[str, Any] = {"route": made.name, "route_hash": made.hash, "notes": [_COLD]}
    else:
        found = fit_json(fitted, made)
        del found["trial"]
    if as_json:
        print_json(finite({**found, "run": str(folder)}))
        return
    _print_fit(found)
    say(f"next: rung gate {name} {made.name}, or rung route {name} simulate")


_COLD = "too few dev rows to fit anything: what looks complex is escalated (five-factor prior)"


def _print_fit(found: dict[str, Any]) -> None:
    from rung.report.routing_plot import HEADERS, summary_cells

    if "summaries" in found:
        lines = [HEADERS, *(summary_cells(summary) for summary in found["summaries"])]
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEADERS))]
        for line in lines:
            cells = zip(line, widths, strict=True)
            print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
        for quality in found["qualities"]:
            print(f"tells wrong answers: {quality['name']}, AUROC {quality['auroc']:.3f}")
    for note in found["notes"]:
        print(f"note: {note}")


def _show(name: str, html: Path | None, as_json: bool) -> None:
    from rung.flow.route import last_fit, rules_of
    from rung.report.export import finite
    from rung.report.routing_plot import write_routing_html
    from rung.routes.escalation.rules_file import rules_to
    from rung.routes.escalation.wording import rule_sentence

    rules = rules_of(name)
    sentences = [f"{rule.id}: {rule_sentence(rule, rules.words)}" for rule in rules.rules]
    found, path = last_fit(name)
    del found["trial"]
    if html is not None:
        write_routing_html(name, found, sentences, html)
        say(f"page: {html}")
    if as_json:
        print_json(finite({**found, "rules": rules_to(rules), "run": str(path.parent)}))
        return
    for line in sentences or ["no rules"]:
        print(line)
    _print_fit(found)


def _simulate(name: str, as_json: bool, **given: float) -> None:
    from rung.flow.route import simulate
    from rung.report.export import finite
    from rung.routes.escalation.wording import worth_lines

    worth = simulate(name, **given)
    if as_json:
        print_json(finite(worth.to_json()))
        return
    for line in worth_lines(worth):
        print(line)
