"""The sentences around the ladder table: what it would save, what to know, what to type next.

Pure text from a `Climb`; the terminal and the HTML report print the same sentences.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from textwrap import shorten

from rung.ladder.result import Arm, Climb, Saving
from rung.report import format as fmt

_MAX_REASON_CHARS = 300


def headline(climb: Climb) -> str:
    """Return the verdict in two or three words: `promote form`, `hold`."""
    promoted = f" {fmt.plain(climb.promoted)}" if climb.promoted else ""
    return climb.verdict + promoted


def circumstances(climb: Climb) -> str:
    """Return model, seed, start and run time on one line."""
    parts = [f"model {fmt.plain(climb.model)}", f"seed {climb.seed}"]
    if climb.started:
        parts.append(fmt.plain(climb.started))
    if climb.duration_s:
        parts.append(fmt.duration(climb.duration_s))
    return ", ".join(parts)


def saving_sentences(saving: Saving) -> tuple[str, str]:
    """Return the saving and, second, the two prices it comes from."""
    dearer = saving.per_1000_usd < 0
    per_1000, per_year = fmt.usd(abs(saving.per_1000_usd)), fmt.usd(abs(saving.per_year_usd))
    return (
        f"{'none: costs ' if dearer else ''}{per_1000} {'more ' if dearer else ''}per 1,000, "
        f"{per_year} per year at {saving.volume_per_day:,.0f} a day",
        f"{fmt.per_1000_usd(saving.route_cost_usd)} instead of "
        f"{fmt.per_1000_usd(saving.reference_cost_usd)} per 1,000; compared with "
        f"{fmt.plain(saving.reference)}, prices of {fmt.plain(saving.priced_on)}",
    )


def notes(arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return what a reader must know of single arms: stopped early, failed, handed over."""
    lines = []
    for arm in arms:
        name = f"{fmt.plain(arm.route)} ({arm.split})"
        if arm.stopped:
            lines.append(f"{name} stopped early: {fmt.plain(arm.stopped)}")
        if arm.num_failed:
            lines.append(
                f"{name}: {arm.num_failed} of {arm.num_examples} answers failed{_cause(arm)}"
            )
        if num_handed := sum(row.status == "abstained" for row in arm.rows):
            lines.append(f"{name}: {num_handed} of {len(arm.rows)} answers handed over")
    return tuple(lines)


def _cause(arm: Arm) -> str:
    """Return why the first answer failed; of the holdout nothing is told."""
    reasons = [row.error for row in arm.rows if row.status == "failed" and row.error]
    if not reasons or arm.split == "holdout":
        return ""
    return f"; the first: {shorten(fmt.plain(reasons[0]), _MAX_REASON_CHARS)}"


def caution(climb: Climb) -> str:
    """Return what a promotion must not hide: that none of the answers was right in full."""
    arm = next((a for a in climb.arms if a.split == "holdout" and a.route == climb.promoted), None)
    if arm is None or arm.strict > 0.0:
        return ""
    return (
        f"none of {arm.num_examples} holdout answers of {fmt.plain(arm.route)} is right in full:"
        " it is no worse than the incumbent, not good; --reference names a route to match"
    )


def next_command(climb: Climb) -> str:
    """Return the command that follows this verdict: use it, ask for more evidence, or repair."""
    task = shlex.quote(fmt.plain(climb.task))
    if climb.verdict == "promote":
        return f"rung ask {task} TEXT"
    if climb.verdict == "reject":
        return f"rung report {task} --html report.html"
    most = max((arm.num_examples for arm in climb.arms if arm.model), default=50)
    return f"rung climb {task} --limit {2 * most}"
