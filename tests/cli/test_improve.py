"""`rung improve` as it is typed: what is printed, exit codes, mistakes named."""

from __future__ import annotations

import json
from typing import Any

import pytest

import traffic


def test_a_round_with_nothing_heard_yet_says_what_to_do(mail: str, rung_command: Any) -> None:
    done = rung_command("improve", mail)
    assert done.code == 0, done.err
    assert done.out.startswith("round 1 of mail: waiting, 0 of about 378")
    assert "next: rung mode mail cascade" in done.err
    shown = rung_command("improve", mail, "--history")
    assert "ended     waiting" in shown.out and "next: rung mode mail" in shown.out
    lines = [json.loads(line) for line in rung_command("improve", mail, "--history", "--json").out
             .splitlines()]  # fmt: skip
    assert [line["event"] for line in lines] == ["began", "rotated", "ended"]


def test_a_dry_run_counts_and_a_schedule_is_shown(mail: str, rung_command: Any) -> None:
    traffic.keep(traffic.inputs(30, seed=5))
    done = rung_command("improve", mail, "--dry-run", "--min-holdout", 5)
    assert done.code == 0 and "30 labelled" in done.out and "it would climb" in done.out
    on = rung_command(
        "improve", mail, "--enable", "--every", "12h", "--policy", "promote", "--json"
    )
    assert json.loads(on.out)["every_hours"] == 12.0
    assert "policy promote" in rung_command("improve", mail, "--enable").out
    assert rung_command("improve", mail, "--disable").code == 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--every", "soon", "--enable"), "soon"),
        (("--disable", "--climbs", "2"), "--climbs means nothing with --disable"),
        (("--history", "--min-holdout", "2"), "--min-holdout means nothing with --history"),
        (("--policy", "maybe"), "maybe"),
        (("--enable", "--disable"), "exclude"),
        (("--disable",), "off already"),
    ],
)
def test_mistakes_are_named_and_change_nothing(
    mail: str, rung_command: Any, given: tuple[str, ...], named: str
) -> None:
    done = rung_command("improve", mail, *given)
    assert done.code == 2 and named in done.err and "hint" in done.err
    assert rung_command("improve", mail, "--history").out == ""
