"""How a run is asked for, and what it is expected to take, measured on one batch before it begins.

Nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.core.clock import monotonic_ms
from rung.engines.catalogue import DEFAULT_MODEL
from rung.routes.route import Telling
from rung.train.batches import draw_batches, padding_waste

if TYPE_CHECKING:
    from rung.train.precision import Precision
    from rung.train.texts import Learn, Text

LEARNING_RATES = {"sft": 5e-4, "rft": 2e-4, "dpo": 5e-5, "grpo": 5e-5}
"""By method: what goes on from an adapter, on the model's own answers, takes smaller steps."""
MIN_EXAMPLES = 20
"""Train examples of SFT: with fewer, shots do as well and there is nothing to stop early on."""
PASS_RATES = (0.1, 0.9)
"""Share of an example's attempts that is right; outside, they are too alike to be told apart."""
MIN_BATCH, MAX_BATCH = 4, 16
_STEPS = 40
"""Steps that an epoch should have at least; wider batches cost as much a token on a CPU."""
_PROBE_TOKENS = 1500
"""Tokens that are timed; fewer say little of a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How to train; the defaults suit a model of 135M parameters on two cores."""

    method: str = "sft"
    model: str = DEFAULT_MODEL
    epochs: int = 3
    limit: int = 0
    """Train examples; 0: all."""
    minutes: float = 0.0
    """0: until the epochs are done."""
    learning_rate: float = 0.0
    """0: the method's own."""
    batch_size: int = 0
    """Texts a step; 0: as many as leave an epoch of few texts some steps (`suitable_batch`)."""
    rank: int = 16
    top_layers: int = 0
    """Adapt only this many layers, the last ones; 0: all."""
    precision: Precision = "auto"
    """Of the frozen weights of SFT; what draws answers of its own keeps 32 bits on a CPU."""
    prompt: Telling | None = None
    """None: as the adapter to go on from was told, else `bare`: what it is trained on need not be
    told it again, here or in service."""
    learn: Learn | None = None
    """None: as the adapter to go on from, else `answer`; with `parallel` always `values`."""
    parallel: bool | None = None
    """Train for slots that are filled side by side; None: as the adapter to go on from, else no."""
    shuffled: bool = False
    slot_dropout: float = 0.0
    start: str = ""
    """Name of the adapter to go on from."""
    data: Path | None = None
    """Train on the examples of this file (`rung repair --batch`) instead of train."""
    variants: int = 0
    """More examples made of each of train's workflows, where the task can make them."""
    remaining: bool | None = None
    """Tell an agent behind a write which of the rows found before are left; None: as the adapter to
    go on from was told, else yes."""
    also: tuple[str, ...] = ()
    """Other tasks that the same adapter is trained for."""
    curate: bool = True
    """Leave out examples that contradict or repeat others; see `curation.py`."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """What a run is expected to take."""

    num_examples: int
    num_texts: int
    num_dev_texts: int
    num_tokens: int
    """Tokens of one epoch's texts."""
    num_trained: int
    """Those of them that are learnt."""
    padding: float
    """Share of padding in the batches, 0 to 1."""
    num_steps: int
    minutes: float
    left_out: Mapping[str, int]
    """How many examples have no text, by reason."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def suitable_batch(options: TrainOptions, num_texts: int) -> int:
    """Return how many texts a step learns from."""
    return options.batch_size or min(MAX_BATCH, max(MIN_BATCH, num_texts // _STEPS))


def estimate(
    model: Any,
    texts: Sequence[Text],
    dev: Sequence[Text],
    options: TrainOptions,
    left_out: Mapping[str, int],
) -> TrainPlan:
    """Return what training on the texts will take; the model is only asked, not changed.

    What methods sample themselves is not counted.
    """
    lengths = [len(text.tokens) for text in texts]
    size = suitable_batch(options, len(texts))
    batches = draw_batches(lengths, size, seed=options.seed, epoch=0)
    num_tokens = sum(lengths)
    middle = sorted(batches, key=lambda batch: max(lengths[at] for at in batch))[len(batches) // 2]
    seconds = _seconds_per_token(model, _few([texts[at] for at in middle]))
    minutes = num_tokens * options.epochs * seconds / 60.0
    return TrainPlan(
        num_examples=len({text.example for text in texts}),
        num_texts=len(texts),
        num_dev_texts=len(dev),
        num_tokens=num_tokens,
        num_trained=sum(text.num_trained for text in texts),
        padding=padding_waste(lengths, batches),
        num_steps=len(batches) * options.epochs,
        minutes=min(minutes, options.minutes) if options.minutes else minutes,
        left_out=left_out,
    )


def _few(batch: Sequence[Text]) -> list[Text]:
    """Return as much of a batch as can be timed in seconds; at least one text."""
    found: list[Text] = []
    left = _PROBE_TOKENS
    for text in batch:
        if found and len(text.tokens) > left:
            break
        found.append(text)
        left -= len(text.tokens)
    return found


def _seconds_per_token(model: Any, batch: Sequence[Text]) -> float:
    """Return what a token of a batch takes the second time, when everything is warm."""
    from rung.train.sft import text_loss

    for _ in range(2):
        start = monotonic_ms()
        loss = text_loss(model, batch)
        loss.value.backward()
        seconds = (monotonic_ms() - start) / 1000.0
        model.zero_grad(set_to_none=True)
    return seconds / loss.num_tokens
