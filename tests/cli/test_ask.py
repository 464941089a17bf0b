"""What an answer looks like on a terminal."""

from __future__ import annotations

import pytest

from rung.cli.ask import _print
from rung.routes.asked import Asked


def test_values_are_printed_as_json_and_texts_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fields = {
        "needs_human": {"p": 0.56, "margin": 0.12, "runner_up": False, "set": None},
        "label": {"p": 0.9, "margin": 0.8, "runner_up": "spät", "set": None},
    }
    output = {"needs_human": True, "label": "früh"}
    _print(Asked(output=output, status="ok", route="head", fields=fields))
    assert capsys.readouterr().out == (
        "needs_human: true   p 0.56, next false\nlabel: früh   p 0.90, next spät\n"
    )
