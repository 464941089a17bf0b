"""The loop: schedule, early stopping, and resuming as if nothing had happened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("safetensors", reason="pip install 'rung[train]'")
import torch

from rung.core.errors import ConfigError, StoreError, TrainError
from rung.train.loop import History, Loss, Progress, Settings, run_loop

ITEMS = [(x / 10.0, 3.0 * x / 10.0 - 1.0) for x in range(-12, 12)]
SETTINGS = Settings(epochs=6, batch_size=4, learning_rate=0.05, patience=0, seed=3)


def line() -> Any:
    """Return a model that learns y = 3 x - 1, with dropout so that the random state matters."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Dropout(0.1), torch.nn.Linear(1, 1))


def squared(model: Any, batch: Sequence[tuple[float, float]]) -> Loss:
    x, y = torch.tensor(batch).T
    value = ((model(x[:, None])[:, 0] - y) ** 2).mean()
    return Loss(value=value, num_trained=len(batch), num_tokens=len(batch))


def run(model: Any, path: Path, settings: Settings = SETTINGS, **how: Any) -> History:
    return run_loop(
        model,
        ITEMS,
        how.pop("loss", squared),
        settings,
        length=lambda item: 1,
        checkpoint=path,
        **how,
    )


def state(model: Any) -> list[float]:
    return [value.item() for p in model.parameters() for value in p.flatten()]


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = line()
    wanted = run(whole, tmp_path / "whole")

    def kill(progress: Progress) -> None:
        if progress.step == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(line(), tmp_path / "killed", tell=kill)
    resumed, steps = line(), list[int]()
    found = run(resumed, tmp_path / "killed", tell=lambda progress: steps.append(progress.step))
    assert steps == list(range(18, 37))
    assert found.losses == wanted.losses
    assert state(resumed) == state(whole)


def test_a_step_that_was_killed_draws_the_same_when_taken_again(tmp_path: Path) -> None:
    whole, resumed = line(), line()
    wanted = run(whole, tmp_path / "whole")
    num_taken = [0]

    def killed(model: Any, batch: Sequence[tuple[float, float]]) -> Loss:
        found = squared(model, batch)
        num_taken[0] += 1
        if num_taken[0] == 17:
            raise KeyboardInterrupt
        return found

    with pytest.raises(KeyboardInterrupt):
        run(line(), tmp_path / "killed", loss=killed)
    found = run(resumed, tmp_path / "killed")
    assert found.losses == wanted.losses
    assert state(resumed) == state(whole)


@pytest.mark.parametrize("judgements, at", [(6, 18), (6, 36), (1, 36)])
def test_a_judgement_that_was_killed_is_made_up_for(
    tmp_path: Path, judgements: int, at: int
) -> None:
    settings = replace(SETTINGS, judgements=judgements)

    def judged(model: Any, name: str, kill_at: int = -1) -> list[tuple[float, float]]:
        step = [0]

        def tell(progress: Progress) -> None:
            step[0] = progress.step

        def judge() -> float:
            value: float = torch.rand(()).item()
            if step[0] == kill_at:
                raise KeyboardInterrupt
            return value

        history = run(model, tmp_path / name, settings, judge=judge, tell=tell)
        return [(step, value) for step, _, value in history.judgements]

    whole, resumed = line(), line()
    wanted = judged(whole, "whole")
    with pytest.raises(KeyboardInterrupt):
        judged(line(), "killed", at)
    assert judged(resumed, "killed") == wanted
    assert state(resumed) == state(whole)
    assert len(wanted) == judgements
    assert judged(line(), "killed") == wanted  # and none is made twice


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first, second = line(), line()
    run(first, tmp_path / "c")
    history = run(second, tmp_path / "c", tell=lambda progress: pytest.fail("a step was taken"))
    assert history.finished
    assert state(second) == state(first)


@pytest.mark.parametrize("changed", [{"learning_rate": 0.04}, {"seed": 4}])
def test_a_checkpoint_of_other_settings_is_ignored(tmp_path: Path, changed: dict[str, Any]) -> None:
    run(line(), tmp_path / "c")
    steps: list[int] = []
    run(
        line(),
        tmp_path / "c",
        replace(SETTINGS, **changed),
        tell=lambda progress: steps.append(progress.step),
    )
    assert steps[0] == 1


def test_the_best_weights_are_kept_and_patience_ends_the_run(tmp_path: Path) -> None:
    model, seen, judged = line(), list[list[float]](), iter([3.0, 1.0, 2.0, 2.5, 4.0, 5.0])

    def judge() -> float:
        seen.append(state(model))
        return next(judged)

    settings = replace(SETTINGS, judgements=6, patience=3)
    history = run(model, tmp_path / "c", settings, judge=judge)
    assert [round(value, 1) for _, _, value in history.judgements] == [3.0, 1.0, 2.0, 2.5, 4.0]
    assert history.best_step == 12
    assert history.step == 30
    assert state(model) == seen[1]


def test_the_start_stays_where_nothing_is_better(tmp_path: Path) -> None:
    for name, judged, kept in (("worse", [1.0, 3.0, 1.0, 2.0], 0), ("better", [1.0, 3.0, 0.5], 12)):
        model, seen, values = line(), list[list[float]](), iter(judged + [9.0] * 9)

        def judge(
            model: Any = model, seen: list[list[float]] = seen, values: Any = values
        ) -> float:
            seen.append(state(model))
            return float(next(values))

        settings = replace(SETTINGS, judgements=6, patience=3)
        history = run(model, tmp_path / name, settings, judge=judge, judge_start=True)
        assert [step for step, *_ in history.judgements][:3] == [0, 6, 12]
        assert (history.start, history.best_step, history.keeps_start) == (1.0, kept, not kept)
        assert state(model) == seen[kept // 6]
        assert len(history.losses) == history.step > 0
    assert not run(line(), tmp_path / "plain", judge=lambda: 1.0).keeps_start


def test_a_run_killed_behind_its_start_judges_it_once(tmp_path: Path) -> None:
    whole, resumed, num = line(), line(), [0]

    def judge() -> float:
        num[0] += 1
        return 1.0 / num[0]

    def killed(model: Any, batch: Any) -> Loss:
        raise KeyboardInterrupt

    wanted = run(whole, tmp_path / "whole", judge=judge, judge_start=True)
    num[0] = 0
    with pytest.raises(KeyboardInterrupt):
        run(line(), tmp_path / "killed", loss=killed, judge=judge, judge_start=True)
    found = run(resumed, tmp_path / "killed", judge=judge, judge_start=True)
    assert [value for _, _, value in found.judgements] == [
        value for _, _, value in wanted.judgements
    ]
    assert state(resumed) == state(whole)


def test_judging_the_start_takes_no_step_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judgement takes longer than the run may; a step is taken all the same."""
    now = [0.0]
    monkeypatch.setattr("rung.train.loop.monotonic_ms", lambda: now[0])

    def judge() -> float:
        now[0] += 90_000.0
        return 1.0

    def slow(model: Any, batch: Sequence[Any]) -> Loss:
        now[0] += 1_000.0
        return squared(model, batch)

    history = run(
        line(), tmp_path / "c", replace(SETTINGS, minutes=1.0),
        loss=slow, judge=judge, judge_start=True,
    )  # fmt: skip
    assert [step for step, *_ in history.judgements] == [0, 1]


def test_the_learning_rate_rises_and_falls_to_zero(tmp_path: Path) -> None:
    """Steps of a constant gradient under Adam are as long as the learning rate."""
    weight = torch.nn.Linear(1, 1, bias=False)

    def slope(model: Any, batch: Sequence[Any]) -> Loss:
        return Loss(value=model.weight.sum(), num_trained=1, num_tokens=1)

    places = [weight.weight.item()]
    settings = replace(SETTINGS, epochs=10, warmup=0.1, learning_rate=0.01)
    run(
        weight, tmp_path / "c", settings, loss=slope, tell=lambda p: places.append(state(weight)[0])
    )
    lengths = [before - after for before, after in zip(places, places[1:], strict=False)]
    assert max(lengths) == pytest.approx(0.01, rel=0.02)
    assert lengths.index(max(lengths)) in (6, 7)
    assert lengths[0] < 0.001 > lengths[-1]
    middle = 0.5 * (1 + math.cos(math.pi * (33 / 60 - 0.1) / 0.9))
    assert lengths[33] == pytest.approx(0.01 * middle, rel=0.02)


def test_a_run_ends_by_its_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading of the clock is one second later, so a step takes one; judging counts too."""
    now = iter(range(0, 10**9, 1000))
    monkeypatch.setattr("rung.train.loop.monotonic_ms", lambda: float(next(now)))
    history = run(line(), tmp_path / "c", replace(SETTINGS, minutes=0.2))
    assert history.step == 12
    assert history.tokens_per_s == pytest.approx(4.0)


def test_judging_does_not_take_the_time_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes a second and a judgement twelve, of a minute."""
    now = [0.0]
    monkeypatch.setattr("rung.train.loop.monotonic_ms", lambda: now[0])

    def slow(model: Any, batch: Sequence[Any]) -> Loss:
        now[0] += 1_000.0
        return squared(model, batch)

    def judge() -> float:
        now[0] += 12_000.0
        return 1.0

    settings = replace(SETTINGS, epochs=20, minutes=1.0)
    history = run(line(), tmp_path / "c", settings, loss=slow, judge=judge)
    assert [step for step, _, _ in history.judgements] == [8, 48]
    unlimited = replace(SETTINGS, epochs=20, judgements=8)
    again = run(line(), tmp_path / "d", unlimited, loss=slow, judge=judge)
    assert len(again.judgements) == 8


def test_what_cannot_be_trained_is_said(tmp_path: Path) -> None:
    frozen = line().requires_grad_(False)
    with pytest.raises(TrainError, match="no parameter"):
        run(frozen, tmp_path / "a")
    with pytest.raises(TrainError, match="nothing to train on"):
        run_loop(line(), [], squared, SETTINGS, length=len, checkpoint=tmp_path / "b")

    def broken(model: Any, batch: Sequence[Any]) -> Loss:
        return Loss(value=squared(model, batch).value * math.nan, num_trained=1, num_tokens=1)

    with pytest.raises(TrainError, match="loss became nan at step 0"):
        run(line(), tmp_path / "c", loss=broken)
    (tmp_path / "d").write_text("no checkpoint", "utf-8")
    with pytest.raises(StoreError, match="reading checkpoint"):
        run(line(), tmp_path / "d")
    with pytest.raises(ConfigError, match="epochs 0"):
        Settings(epochs=0)
