"""A made-up climb that looks like a real one: 120 dev tickets, 90 holdout tickets, 15 arms.

Rows come from seeded draws in which hard tickets are hard for every route, so arms are paired as
in life; the numbers of an arm are computed from its rows. Intervals here are 1.96 clustered
standard errors, good enough to draw.
"""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from dataclasses import replace
from typing import Any

from rung.core.hashing import short_hash
from rung.core.records import Row, Usage
from rung.ladder.result import Arm, Climb, Saving
from rung.report.questions import answer_questions

CATEGORIES = ("refund", "delivery", "account access", "invoice", "complaint", "other")
MODEL = "llama:smollm2-135m"

# route, rung, kind, skill, output tokens, forced tokens, latency ms, $ per example
ROUTES = (
    ("majority", "majority", "floor", 0.24, 0, 0, 0, 0.0),
    ("empty", "empty", "floor", 0.0, 0, 0, 0, 0.0),
    ("oracle", "oracle", "ceiling", 1.0, 0, 0, 0, 0.0),
    ("blank", "blank", "rung", 0.46, 118, 0, 2300, 3.1e-6),
    ("blank+think", "thinking", "rung", 0.40, 241, 0, 4700, 6.0e-6),
    ("json", "json", "rung", 0.58, 41, 0, 1180, 1.6e-6),
    ("form", "form", "rung", 0.72, 6.2, 37, 340, 4.2e-7),
    ("form+think", "thinking", "rung", 0.69, 88, 37, 2050, 2.7e-6),
    ("form+examples:4,balanced,nearest-first", "examples", "rung", 0.77, 6.1, 37, 610, 8.8e-7),
    ("head", "head", "rung", 0.83, 0, 44, 4, 1.2e-8),
    ("head+form", "mixed", "rung", 0.86, 3.4, 39, 190, 2.4e-7),
    ("reference", "reference", "reference", 0.93, 62, 0, 1935, 0.0176),
)


def usage(prompt: float, forced: float, output: float) -> Usage:
    return Usage(
        prompt_tokens=round(prompt), forced_tokens=round(forced), output_tokens=round(output)
    )


def make_row(example: str, score: float, *, group: str = "", **changes: Any) -> Row:
    row = Row(example=example, group=group or example, score=score, strict=score >= 1.0)
    return replace(row, **changes)


def make_arm(route: str, rows: tuple[Row, ...], **changes: Any) -> Arm:
    """An arm whose numbers are those of its rows; `changes` override any field."""
    scores = [row.score for row in rows]
    latencies = sorted(row.latency_ms for row in rows)
    num = len(rows)
    cost = statistics.fmean(row.cost_usd for row in rows)
    errors = statistics.fmean(row.error_cost_usd for row in rows)
    score, strict = statistics.fmean(scores), statistics.fmean(row.strict for row in rows)
    arm = Arm(
        route=route,
        route_hash=short_hash(route),
        rung=route,
        model=MODEL,
        split="dev",
        num_examples=num,
        num_groups=len({row.group for row in rows}),
        score=score,
        score_sd=statistics.stdev(scores) if num > 1 else 0.0,
        score_ci=_ends(rows, scores),
        strict=strict,
        strict_ci=_ends(rows, [float(row.strict) for row in rows]),
        latency_p50_ms=latencies[num // 2],
        latency_p95_ms=latencies[min(num - 1, int(0.95 * num))],
        prompt_tokens=statistics.fmean(row.usage.prompt_tokens for row in rows),
        cached_tokens=statistics.fmean(row.usage.cached_tokens for row in rows),
        forced_tokens=statistics.fmean(row.usage.forced_tokens for row in rows),
        output_tokens=statistics.fmean(row.usage.output_tokens for row in rows),
        cost_usd=cost,
        cost_per_point=cost / score if score else None,
        cpao_usd=(cost + errors) / strict if strict else None,
        num_failed=sum(row.status == "failed" for row in rows),
        rows=rows,
    )
    return replace(arm, **changes)


def make_climb(arms: tuple[Arm, ...], **changes: Any) -> Climb:
    climb = Climb(
        task="helpdesk",
        title="Sort a support ticket and say what to do",
        model=MODEL,
        seed=0,
        run_dir="runs/2026-11-23T050000Z-helpdesk",
        arms=arms,
        incumbent="blank",
        verdict="hold",
        promoted=None,
        reason="too few examples",
    )
    return replace(climb, **changes)


def realistic() -> Climb:
    """Floors, a ceiling, rungs, a stopped arm, a zero-score arm, a long name, holdout arms."""
    dev = []
    for number, spec in enumerate(ROUTES):
        num = 60 if spec[0] == "blank+think" else 120
        arm = _arm_from(spec, number, "dev", num)
        if num < 120:
            arm = replace(arm, stopped="after 60: at best -0.04 against form")
        dev.append(arm)
    holdout = [_arm_from(ROUTES[i], i, "holdout", 90) for i in (3, 9, 10, 11)]
    arms = (*dev, *holdout)
    return make_climb(
        arms,
        answered=answer_questions(arms),
        verdict="promote",
        promoted="head+form",
        reason="head+form scores .861 on the holdout against .457 for blank: difference +.404 "
        "[+.322, +.486], n=90 in 30 groups; worst case within the margin of .030; no forbidden "
        "outcome; cheapest of the two routes that survived",
        saving=Saving(
            reference="frontier (priced, not measured)",
            reference_cost_usd=0.0176,
            route_cost_usd=2.4e-7,
            per_1000_usd=17.5998,
            per_year_usd=64239.27,
            volume_per_day=10_000,
            priced_on="2026-11-01",
        ),
        gate={"margin": 0.03, "alpha": 0.05, "looks": 1, "ledger": ["blank", "head+form", "head"]},
        started="2026-11-23T05:00:00Z",
        duration_s=192.4,
    )


def categories() -> dict[str, str]:
    """Example id to category, for both splits."""
    return {
        f"{split}-{i}": CATEGORIES[(7 * i + i // 5) % len(CATEGORIES)]
        for split in ("dev", "holdout")
        for i in range(120)
    }


def _arm_from(spec: tuple, number: int, split: str, num: int) -> Arm:
    route, rung, kind, skill, output, forced, latency, cost = spec
    shared, own = random.Random(split), random.Random(f"{split}{number}")
    rows = []
    for i in range(num):
        hardness = shared.gauss(0, 0.22) + 0.08 * (i // 3 % 5 - 2)
        spread = own.lognormvariate(0, 0.35)
        score = 0.0 if skill == 0 else 1.0 if skill == 1 else _score(skill, hardness, own)
        cut = route.startswith("blank") and own.random() < 0.22
        tokens = 256 if cut else output * spread
        rows.append(
            make_row(
                f"{split}-{i}",
                0.0 if cut else score,
                group=f"{split}-g{i // 3}",
                usage=usage(310 + 40 * own.random() if latency > 9 else 0, forced, tokens),
                latency_ms=latency * spread,
                cost_usd=cost * spread,
                error="cut at 256 tokens; no fields in the answer" if cut else None,
                status="failed" if cut else "ok",
                error_cost_usd=0.0 if score >= 1 else 0.02,
                output=None if cut else {"queue": "refund", "summary": f"ticket {i} in short"},
                fields={} if cut else {"queue": min(1.0, 1.2 * score), "summary": 0.8 * score},
            )
        )
    return make_arm(
        route,
        tuple(rows),
        rung=rung,
        kind=kind,
        split=split,
        model="" if kind in ("floor", "ceiling") else "frontier" if kind == "reference" else MODEL,
    )


def _score(skill: float, hardness: float, own: random.Random) -> float:
    right = sum(own.random() < skill - hardness for _ in range(4))
    return right / 4


def _ends(rows: tuple[Row, ...], values: list[float]) -> tuple[float, float]:
    mean = statistics.fmean(values)
    sums: dict[str, float] = defaultdict(float)
    for row, value in zip(rows, values, strict=True):
        sums[row.group] += value - mean
    half = 1.96 * sum(total**2 for total in sums.values()) ** 0.5 / len(rows)
    return max(0.0, mean - half), min(1.0, mean + half)
