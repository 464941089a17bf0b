"""Training that goes on from an adapter: what is not said otherwise is as that adapter had it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rung.core.errors import ConfigError, GateError
from rung.engines.adapters import Adapter
from rung.flow.train import _going_on
from rung.store import Artifacts, RunDir
from rung.train.plan import TrainOptions
from rung.train.trained import Trained, record

STYLE = {"prompt": "full", "learn": "values", "parallel": True, "remaining": False}


TASK: Any = SimpleNamespace(name="toy", split_hashes={"train": "t"}, generation=1)


def adapter(style: dict[str, Any], **lineage: Any) -> str:
    told = {"style": style, **lineage}
    return Adapter(bases=("b",), config="", weights="", lineage=told).save(Artifacts())


def told(task: Any = TASK, **given: Any) -> tuple[Any, ...]:
    """Return what texts are to be like, for options that were given."""
    found = _going_on(task, TrainOptions(**given))
    return found.prompt, found.learn, found.parallel, found.remaining


@pytest.mark.parametrize("method", ["sft", "rft"])
def test_a_named_adapter_is_trained_on_as_it_was(method: str) -> None:
    start = adapter(STYLE)
    assert told(method=method, start=start) == ("full", "values", True, False)
    assert told(method=method, start=start, prompt="bare", parallel=False) == (
        "bare", "values", False, False,
    )  # fmt: skip
    assert told(method=method) == ("bare", "answer", False, True)


def test_the_last_adapter_is_trained_on_as_it_was_unless_said_otherwise() -> None:
    bare = STYLE | {"prompt": "bare", "parallel": False}
    done = Trained(
        adapter=adapter(bare), task=TASK.name, model="small", method="sft", style=bare,
        train_hash="t", num_texts=1, minutes=1.0,
    )  # fmt: skip
    record(RunDir("train", TASK.name, {}), done)
    given = {"model": "small", "method": "dpo"}
    assert _going_on(TASK, TrainOptions(**given)).start == done.adapter
    assert told(**given) == ("bare", "values", False, False)
    assert told(**given, prompt="full", learn="answer") == (
        "full", "answer", False, False,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="was trained without being told"):
        told(**given, remaining=True)
    assert told(**given | {"method": "sft"}) == ("bare", "answer", False, True)
    made_again = SimpleNamespace(name="toy", split_hashes={"train": "new"}, generation=1)
    assert not _going_on(made_again, TrainOptions(**given)).start, "it may know the holdout"
    other = SimpleNamespace(name="other")
    assert told(other, **given) == ("bare", "answer", False, True)


@pytest.mark.parametrize("task", ["toy", "game"])
def test_an_adapter_of_another_train_split_is_not_gone_on_from(task: str) -> None:
    also = {"train": "g", "train of toy": "old"}
    old = adapter(STYLE, task=task, data={"train": "old"} if task == "toy" else also)
    later = adapter(STYLE, task="game", data={"train": "g"}, start=old)
    for start in (old, later):
        with pytest.raises(GateError, match=f"adapter {old[:12]} was trained on another train spl"):
            told(start=start)
    kept = adapter(STYLE, task="toy", data={"train": "t"}, start="0" * 64)
    assert told(start=kept) == ("full", "values", True, False), "what it followed is not kept"
