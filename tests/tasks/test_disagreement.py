"""Rates of wrong answers, by callers and by the frontier, against what dev lets one expect."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

import jobs
from rung.tasks.disagreement import Rate, allowed_rate, find_rates
from rung.tasks.drift import ALPHA
from rung.traces.heard import Heard

SAID = {"queue": "billing", "urgent": False}
WRONG = {"queue": "shipping", "urgent": False}


def one(number: int, **fields: Any) -> Heard:
    given: dict[str, Any] = {"conversation": f"c{number}", "output": SAID} | fields
    return Heard(
        id=f"call{number}",
        created="2026-11-26T00:00:00Z",
        tenant="t",
        text=f"text {number}",
        served_by=given.pop("served_by", "form"),
        arm=given.pop("arm", "specialist"),
        **given,
    )


def test_rejections_count_conversations_and_silence_is_content(tmp_path: Path) -> None:
    heard = [
        one(1),
        one(2, accepted=True),
        one(3, accepted=False),
        one(4, accepted=False, label=WRONG, source="correction"),
        one(5, accepted=False, label=SAID, source="correction"),  # corrects nothing
        one(6, accepted=False, conversation="c3"),
        one(7, accepted=False, served_by="another"),
        one(8, accepted=False, arm="frontier"),
    ]
    rejected, audited = find_rates(jobs.task(tmp_path), heard, route="form", max_rate=0.2)
    assert (rejected.num_wrong, rejected.num) == (2, 5)
    assert (audited.num_wrong, audited.num) == (0, 0)


def test_audits_compare_the_specialist_with_the_frontier(tmp_path: Path) -> None:
    heard = [
        one(1, audited=(SAID, SAID)),
        one(2, audited=(WRONG, SAID)),
        one(3, audited=(None, SAID)),
        one(4),
    ]
    _, audited = find_rates(jobs.task(tmp_path), heard, route="form", max_rate=0.2)
    assert (audited.num_wrong, audited.num) == (2, 3)


def test_what_is_allowed_is_what_dev_missed_and_what_chance_adds() -> None:
    assert allowed_rate([True] * 29, margin=0.03) is None
    allowed = allowed_rate([True] * 90 + [False] * 10, margin=0.03)
    assert allowed is not None and 0.18 < allowed < 0.28
    strict = allowed_rate([True] * 90 + [False] * 10, margin=0.0)
    assert strict is not None and allowed == pytest.approx(strict + 0.03)
    assert Rate(what="x", num_wrong=60, num=100, max_rate=allowed).alarm
    assert not Rate(what="x", num_wrong=13, num=100, max_rate=allowed).alarm


@pytest.mark.slow
def test_looking_after_every_conversation_keeps_the_level() -> None:
    """400 routes as good as ever, 60 dev answers each, then 800 looks: no more than its share."""
    draw, num_runs, num_wrong = random.Random(8), 400, 0
    for _ in range(num_runs):
        max_rate = allowed_rate([draw.random() >= 0.1 for _ in range(60)], margin=0.0)
        assert max_rate is not None
        wrong = 0
        for num in range(1, 801):
            wrong += draw.random() < 0.1
            if Rate(what="x", num_wrong=wrong, num=num, max_rate=max_rate).alarm:
                num_wrong += 1
                break
    level = ALPHA / 3
    assert num_wrong / num_runs <= level + 3 * math.sqrt(level * (1 - level) / num_runs)
