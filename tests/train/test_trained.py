"""Records of trainings that are broken, or that another version wrote."""

from __future__ import annotations

from functools import partial

import pytest

from rung.core.errors import StoreError
from rung.store import RunDir
from rung.train.trained import Trained, find_trained, last_minutes, record


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{oops", "Expecting property name"),
        ("[" * 100_000, "recursion"),
        ("[]", "Input should be a dictionary"),
        ("{}", "Field required"),
        ('{"task": "toy", "wings": 2}', "a newer version of rung wrote it (wings is unknown)"),
        ('{"task": 7, "also": {"toy": ""}}', "Field required"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_and_in_the_way_of_its_own_task_only(
    content: str, reason: str
) -> None:
    theirs = Trained(
        adapter="a" * 64, task="game", model="tiny", method="sft", style={}, train_hash="",
        num_texts=1, minutes=2.5,
    )  # fmt: skip
    record(RunDir("train", "game", {}), theirs)
    path = RunDir("train", "toy", {}).path / "trained.json"
    path.write_text(content, "utf-8")
    assert find_trained("game", "tiny") == theirs
    assert last_minutes("game") == (2.5, True)
    for look in (partial(find_trained, "toy", "tiny"), partial(last_minutes, "toy")):
        with pytest.raises(StoreError) as caught:
            look()
        assert caught.value.message.startswith(f"reading {path}: ")
        assert reason in caught.value.message and "\n" not in caught.value.message
        assert str(path.parent) in caught.value.hint


def test_an_estimate_that_cannot_be_read_is_in_the_way_of_its_own_task_only() -> None:
    RunDir("train", "toy", {}).path.joinpath("plan.json").write_text("{}", "utf-8")
    assert last_minutes("toys") is None
    with pytest.raises(StoreError, match="Field required"):
        last_minutes("toy")
