"""The loop of every method: batches, learning rate, early stopping, checkpoints, resume.

A method gives its items and the loss of a batch of them. One seed decides the batches; a run that
was killed goes on from its checkpoint as if nothing had happened. What is trained is whatever
parameters of the model want a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from rung.core.clock import monotonic_ms
from rung.core.errors import ConfigError, TrainError
from rung.core.hashing import content_hash
from rung.train.base import trainable
from rung.train.batches import draw_batches
from rung.train.checkpoint import load_checkpoint, save_checkpoint

Item = TypeVar("Item")
_CHECKPOINT_MS = 60_000.0
_JUDGING_SHARE = 0.2
"""Of the time of a run that ends by the clock, what judgements before the last may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to train."""

    epochs: int = 3
    batch_size: int = 16
    learning_rate: float = 5e-4
    warmup: float = 0.05
    """Share of the run in which the learning rate rises; then it falls as a cosine to zero."""
    max_norm: float = 1.0
    weight_decay: float = 0.0
    minutes: float = 0.0
    """Training ends by this time, its learning rate at zero; 0: when the epochs are done."""
    judgements: int = 8
    """How often a run is judged on dev."""
    patience: int = 3
    """Judgements without a better one after which a run ends; 0: never."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that means nothing."""
        for name in ("epochs", "batch_size", "judgements"):
            if getattr(self, name) < 1:
                raise ConfigError(f"training with {name} {getattr(self, name)}, not 1 or more")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"a learning rate of {self.learning_rate} is not between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a method returns for a batch."""

    value: torch.Tensor
    """Scalar."""
    num_trained: int
    """Tokens that were learnt."""
    num_tokens: int
    """Tokens of the texts, padding not counted."""
    num_evaluated: int = 0
    """Tokens that went through the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands."""

    step: int
    num_steps: int
    loss: float
    judged: float | None
    """The last judgement on dev; lower is better."""
    seconds_left: float


@dataclass(slots=True)
class History:
    """What a run has done; plain numbers, so that a checkpoint can hold it."""

    step: int = 0
    seconds: float = 0.0
    judging_s: float = 0.0
    """Seconds that judgements took, which come on top."""
    start_s: float = 0.0
    """Those of them that judging the start took."""
    num_tokens: int = 0
    num_trained: int = 0
    num_evaluated: int = 0
    losses: list[float] = field(default_factory=list)
    """Of each step."""
    judgements: list[list[float]] = field(default_factory=list)
    """[step, seconds, judgement] on dev."""
    best: float = math.inf
    best_step: int = 0
    """0: nothing was better than the weights that training began with."""
    num_worse: int = 0
    """Judgements since the best."""
    finished: bool = False

    @property
    def spent_s(self) -> float:
        """Seconds of training and judging."""
        return self.seconds + self.judging_s

    @property
    def start(self) -> float | None:
        """The judgement on the weights that training began with, where there is one."""
        first = next(iter(self.judgements), None)
        return first[2] if first and first[0] == 0 else None

    @property
    def keeps_start(self) -> bool:
        """Whether nothing was better than the weights that training began with."""
        return self.start is not None and self.best_step == 0

    @property
    def tokens_per_s(self) -> float:
        """Tokens of texts trained on per second, judging not counted."""
        return self.num_tokens / self.seconds if self.seconds else 0.0


def run_loop(
    model: Any,
    items: Sequence[Item],
    loss: Callable[[Any, Sequence[Item]], Loss],
    settings: Settings,
    *,
    length: Callable[[Item], int],
    checkpoint: Path,
    judge: Callable[[], float] | None = None,
    judge_start: bool = False,
    tell: Callable[[Progress], None] = lambda progress: None,
    identity: str = "",
) -> History:
    """Train the model's trainable parameters; leave the best ones in it, or the last without judge.

    With `judge_start` those that it begins with are judged, too, and stay where none are better.
    `identity` is what the checkpoint must be of besides the settings (the hash of the items). One
    of another run is ignored. Raises TrainError for no items, or a loss that is not a number.
    """
    if not items:
        raise TrainError("there is nothing to train on")
    run = _Run(model, settings, checkpoint, content_hash([asdict(settings), identity, len(items)]))
    batches_of = _Batches([length(item) for item in items], settings)
    run.resume()
    try:
        if judge is not None and judge_start and run.is_new:
            run.judge(judge)
        while True:
            if judge is not None and run.is_due(batches_of.num_steps):
                run.judge(judge)
            if run.is_over(batches_of.num_steps):
                break
            batch = [items[at] for at in batches_of.at(run.history.step)]
            run.step(loss, batch, batches_of.num_steps)
            tell(run.progress(batches_of.num_steps))
    except KeyboardInterrupt:
        run.save()
        raise
    run.finish()
    return run.history


class _Batches:
    """The batches of all epochs, each drawn when it begins."""

    def __init__(self, lengths: Sequence[int], settings: Settings) -> None:
        self._lengths, self._settings = lengths, settings
        self._per_epoch = -(-len(lengths) // settings.batch_size)
        self.num_steps = self._per_epoch * settings.epochs
        self._epoch, self._drawn = -1, list[list[int]]()

    def at(self, step: int) -> list[int]:
        epoch, at = divmod(step, self._per_epoch)
        if epoch != self._epoch:
            size, seed = self._settings.batch_size, self._settings.seed
            self._drawn = draw_batches(self._lengths, size, seed=seed, epoch=epoch)
            self._epoch = epoch
        return self._drawn[at]


class _Run:
    """The state of one run: weights, optimiser, history."""

    def __init__(self, model: Any, settings: Settings, checkpoint: Path, identity: str) -> None:
        self.history = History()
        self._model, self._settings, self._checkpoint = model, settings, checkpoint
        self._identity = identity
        self._parameters = trainable(model)
        if not self._parameters:
            raise TrainError("no parameter of the model wants a gradient")
        self._optimiser = torch.optim.AdamW(
            self._parameters.values(), lr=0.0, weight_decay=settings.weight_decay
        )
        self._best: dict[str, torch.Tensor] = {}
        self._saved_ms = monotonic_ms()
        torch.manual_seed(settings.seed)
        self._settle()

    @property
    def is_new(self) -> bool:
        """Whether nothing was trained or judged yet."""
        return self.history.step == 0 and not self.history.judgements

    def resume(self) -> None:
        """Go on where a killed run of the same identity was."""
        found = load_checkpoint(self._checkpoint, self._identity, self._parameters, self._optimiser)
        if found is not None:
            self.history, self._best = History(**found.history), found.best
            self._settle()

    def is_over(self, num_steps: int) -> bool:
        history, patience = self.history, self._settings.patience
        stopped = bool(patience) and history.num_worse >= patience
        return history.finished or stopped or self._done(num_steps) >= 1.0

    def is_due(self, num_steps: int) -> bool:
        """Return whether this step is to be judged: at equal shares of the run, and at its end.

        A run that ends by the clock is judged less often where that would take the time to train.
        None is judged twice at a step.
        """
        history, settings = self.history, self._settings
        judged = history.judgements[-1][0] if history.judgements else 0
        if history.finished or judged == history.step:
            return False
        done = self._done(num_steps)
        judging_s, spent_s = history.judging_s - history.start_s, history.spent_s - history.start_s
        if done < 1.0 and settings.minutes and judging_s > _JUDGING_SHARE * spent_s:
            return False
        num_judged = sum(step > 0 for step, *_ in history.judgements)
        return done >= min((num_judged + 1) / settings.judgements, 1.0)

    def step(self, loss: Callable[[Any, Any], Loss], batch: Sequence[Any], num_steps: int) -> None:
        """Learn from one batch."""
        start, history = monotonic_ms(), self.history
        for group in self._optimiser.param_groups:
            group["lr"] = self._settings.learning_rate * self._rate(self._done(num_steps))
        found = loss(self._model, batch)
        value = found.value.item()
        if not math.isfinite(value):
            raise TrainError(
                f"the loss became {value} at step {history.step}",
                hint="train with a lower learning rate",
            )
        found.value.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters.values(), self._settings.max_norm)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        history.step += 1
        history.losses.append(value)
        history.num_tokens += found.num_tokens
        history.num_trained += found.num_trained
        history.num_evaluated += found.num_evaluated
        history.seconds += (monotonic_ms() - start) / 1000.0
        self._settle()
        if monotonic_ms() - self._saved_ms > _CHECKPOINT_MS:
            self.save()

    def judge(self, judge: Callable[[], float]) -> None:
        """Judge the weights; keep them where they are the best."""
        history, start = self.history, monotonic_ms()
        judged = judge()
        seconds = (monotonic_ms() - start) / 1000.0
        history.judging_s += seconds
        history.start_s += seconds if history.step == 0 else 0.0
        history.judgements.append([history.step, history.seconds, judged])
        if judged < history.best:
            history.best, history.best_step, history.num_worse = judged, history.step, 0
            self._best = {name: p.detach().clone() for name, p in self._parameters.items()}
        else:
            history.num_worse += 1
        self._settle()
        self.save()

    def progress(self, num_steps: int) -> Progress:
        history, done = self.history, self._done(num_steps)
        return Progress(
            step=history.step,
            num_steps=num_steps,
            loss=history.losses[-1],
            judged=history.judgements[-1][2] if history.judgements else None,
            seconds_left=(history.spent_s - history.start_s) * (1.0 - done) / done if done else 0.0,
        )

    def finish(self) -> None:
        """Put the best weights in place."""
        self.history.finished = True
        with torch.no_grad():
            for name, value in self._best.items():
                self._parameters[name].copy_(value)
        self.save()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        save_checkpoint(
            self._checkpoint,
            self._identity,
            parameters=self._parameters,
            best=self._best,
            optimiser=self._optimiser,
            history=asdict(self.history),
            random=self._random,
        )
        self._saved_ms = monotonic_ms()

    def _settle(self) -> None:
        """Note the random state behind a step or judgement that counts: one that is broken off has
        drawn from it, and draws the same when it is made up for."""
        self._random = torch.get_rng_state()

    def _done(self, num_steps: int) -> float:
        """Return the share of the run that is done, 0 to 1."""
        history, limit_s = self.history, self._settings.minutes * 60.0
        by_steps = history.step / num_steps
        if not limit_s:
            return min(1.0, by_steps)
        left_s = max(limit_s - history.start_s, 1.0)
        return min(1.0, max(by_steps, (history.spent_s - history.start_s) / left_s))

    def _rate(self, done: float) -> float:
        """Return the learning rate's share: up to one over the warm-up, then down to zero."""
        warmup = self._settings.warmup
        if done < warmup:
            return (done + 1e-3) / (warmup + 1e-3)
        return 0.5 * (1.0 + math.cos(math.pi * (done - warmup) / (1.0 - warmup)))
