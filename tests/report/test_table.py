"""What is printed in a terminal: every arm, at every width, literally."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.report.table import LEGEND, render_climb, render_comparison, render_run

COMPARISON = {
    "n": 120,
    "num_groups": 40,
    "diff": 0.0312,
    "ci": [-0.004, 0.066],
    "p_value": 0.0812,
    "discordant": [4, 11],
    "mcnemar_p": 0.1185,
    "margin": 0.03,
    "verdict": "promote",
    "num_needed": 1260,
}


def printed(climb, console):
    render_climb(climb, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_console(climb, console_of, width):
    text = printed(replace(climb, run_dir=""), console_of(width))
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_arm_is_listed_once_per_split(climb, console_of, width):
    lines = printed(climb, console_of(width)).splitlines()
    for arm in climb.arms:
        start = arm.route[: arm.route.find(",")] if "," in arm.route else arm.route
        name = f"{'>' if arm.route == climb.promoted else ' '} {start}"
        own = [line for line in lines if line.startswith(name) and f"{arm.score:.3f}"[1:] in line]
        assert own, arm.route


@pytest.mark.parametrize(
    ("width", "headers"),
    [
        (80, {"score", "95% interval", "strict", "p50", "output", "$/1k"}),
        (100, {"score", "95% interval", "strict", "p50", "output", "$/1k", "n/groups", "CPAO/1k"}),
        (
            140,
            {"score", "± sd", "95% interval", "strict", "p50", "p95", "prompt", "forced", "output"}
            | {"$/1k", "$/1k points", "CPAO/1k", "n/groups"},
        ),
    ],
)
def test_columns_go_by_rank(climb, console_of, width, headers):
    lines = printed(climb, console_of(width)).splitlines()
    header = next(line for line in lines if line.startswith("dev "))
    shown = {part.strip() for part in header.removeprefix("dev").split("  ") if part.strip()}
    assert shown == headers


@pytest.mark.parametrize("width", [30, 60, 100])
def test_only_what_is_shown_is_explained(climb, console_of, width):
    text = printed(climb, console_of(width))
    headers = next(line for line in text.splitlines() if line.startswith("dev "))
    for header, meaning in LEGEND.items():
        assert (header in headers) == (meaning in " ".join(text.split()))


def test_a_pipe_gets_no_ansi_codes(climb, console_of):
    assert "\x1b" not in printed(climb, console_of(100))


def test_colour_marks_promoted_and_dims_floors(climb, console_of):
    text = printed(climb, console_of(100, colour=True))
    promoted = next(line for line in text.splitlines() if "> head+form" in line)
    floor = next(line for line in text.splitlines() if "majority" in line and ".2" in line)
    assert promoted.startswith("\x1b[1;32m")
    assert floor.startswith("\x1b[2m")


def test_verdict_saving_and_next_command(climb, console_of):
    text = printed(climb, console_of(140))
    assert "verdict  promote head+form" in text
    assert "saving   $17.60 per 1,000, $64,239 per year at 10,000 a day" in text
    assert "frontier (priced, not measured), prices of 2026-11-01" in text
    assert text.rstrip().endswith("next     rung ask helpdesk TEXT")


def test_a_promotion_without_a_single_full_answer_says_so(climb, console_of):
    assert "caution" not in printed(climb, console_of(140))
    arms = tuple(replace(arm, strict=0.0) for arm in climb.arms)
    text = " ".join(printed(replace(climb, arms=arms), console_of(140)).split())
    assert "caution none of" in text
    assert "holdout answers of head+form is right in full" in text
    held = replace(climb, arms=arms, promoted="", verdict="hold")
    assert "caution" not in printed(held, console_of(140))


def test_a_route_that_costs_more_says_so(climb, console_of):
    saving = replace(climb.saving, per_1000_usd=-2.5, per_year_usd=-9125.0)
    text = printed(replace(climb, saving=saving), console_of(140))
    assert "none: costs $2.50 more per 1,000, $9,125 per year" in text


def test_stopped_and_failed_arms_are_explained(climb, console_of):
    text = printed(climb, console_of(140))
    assert "blank+think †" in text
    assert "blank+think (dev) stopped early: after 60: at best -0.04 against form" in text
    assert "blank (dev): 28 of 120 answers failed" in text


@pytest.mark.parametrize("width", [80, 140])
def test_every_answer_is_printed(climb, console_of, width):
    words = printed(climb, console_of(width)).split()
    for line in climb.answered:
        for word in (line.question + " " + line.interpretation).split():
            assert word in words


@pytest.mark.parametrize(
    ("verdict", "command"),
    [
        ("hold", "rung climb helpdesk --limit 240"),
        ("reject", "rung report helpdesk --html report.html"),
    ],
)
def test_next_command_follows_the_verdict(climb, console_of, verdict, command):
    text = printed(replace(climb, verdict=verdict, promoted=None), console_of(100))
    assert command in text
    assert "> promoted" not in text


def test_the_caller_may_name_the_next_command(climb, console_of):
    console = console_of(100)
    render_climb(climb, console, then="rung serve")
    assert console.file.getvalue().rstrip().endswith("next     rung serve")


def test_hostile_names_are_printed_literally(climbs, console_of):
    name = "[red]x[/red]:warning:\x1b[2J"
    arm = climbs.make_arm(name, (climbs.make_row("a", 0.5),))
    text = printed(climbs.make_climb((arm,), title="[bold]t"), console_of(160))
    assert "[red]x[/red]:warning:\ufffd[2J" in text
    assert "[bold]t" in text


def test_a_task_name_cannot_inject_a_command(climbs, console_of):
    arm = climbs.make_arm("form", (climbs.make_row("a", 0.5),))
    text = printed(climbs.make_climb((arm,), task="x; rm -rf ~"), console_of(100))
    assert "rung climb 'x; rm -rf ~' --limit" in text


def test_a_climb_without_arms_still_prints_its_verdict(climbs, console_of):
    assert "verdict  hold" in printed(climbs.make_climb(()), console_of(80))


def test_a_run_says_how_many_answers_were_handed_over(climbs, console_of):
    console = console_of(80)
    rows = tuple(
        climbs.make_row(f"e{i}", 0.0, status="abstained" if i < 2 else "ok") for i in range(5)
    )
    render_run(climbs.make_arm("agent", rows), console)
    assert "agent (dev): 2 of 5 answers handed over" in console.file.getvalue()
    render_run(climbs.make_arm("other", rows[2:]), console)
    assert "other (dev)" not in console.file.getvalue()


def test_a_run_states_missing_numbers_as_a_dash(climbs, console_of):
    console = console_of(80)
    render_run(climbs.make_arm("empty", (climbs.make_row("a", 0.0),), model=""), console)
    text = console.file.getvalue()
    assert "no model" in text
    assert "score    .000 ± .000" in text
    assert "– per 1,000 points, – per 1,000" in " ".join(text.split())
    assert "1 examples in 1 groups" in text


def test_a_comparison_prints_every_number(console_of):
    console = console_of(80)
    render_comparison(COMPARISON, ("blank", "form"), console)
    text = console.file.getvalue()
    for part in (
        "form against blank",
        "+.031  [-.004, +.066]",
        "p-value     .081",
        "only blank right: 4, only form right: 11",
        "McNemar p .118",
        "a loss of .030",
        "120 examples in 40 groups",
        "about 1,260 examples",
        "verdict     promote",
    ):
        assert part in text


def test_a_comparison_that_needs_no_more_examples(console_of):
    console = console_of(80)
    render_comparison(COMPARISON | {"num_needed": None}, ("a", "b"), console)
    assert "needed" not in console.file.getvalue()


def test_several_answers_an_example_are_counted(climbs, console_of):
    console = console_of(80)
    rows = tuple(replace(climbs.make_row("a", 0.0), sample=sample) for sample in range(3))
    render_run(climbs.make_arm("form+t0.7", rows, num_examples=1), console)
    assert "1 examples in 1 groups, 3 answers" in console.file.getvalue()
