"""Training speed: this package's loop against TRL's SFTTrainer, and what each of its parts saves.

    python bench/train.py [--task helpdesk] [--model NAME] [--texts 160] [--seconds 90]
                          [--arms rung,trl,trl-tuned] [--prompt bare|full] [--seed 0] [--target X]

Every arm trains a fresh adapter of the same shape on the same token sequences, with the same tokens
learnt, the same batch size, learning rate and seed, on the same threads, one after the other; dev
loss is the same function of the same texts and its time is not counted. `trl` is SFTTrainer with
its own defaults (bf16 autocast, recomputed activations, random batches), `trl-tuned` is it with
activations kept and batches alike in length, `trl-tuned-fp32` that in 32 bits. The `rung-…` arms
leave out one part each. Tokens are those of the texts, padding not counted. Needs
`pip install 'rung[train,bench]'`. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rung.core.clock import monotonic_ms
from rung.core.config import keep_hub_offline
from rung.core.errors import ConfigError

keep_hub_offline()

from rung.engines.catalogue import DEFAULT_MODEL  # noqa: E402
from rung.train import batches, sft  # noqa: E402
from rung.train.base import add_lora, base_path, load_base  # noqa: E402
from rung.train.loop import Settings, run_loop  # noqa: E402
from rung.train.precision import Precision, computing  # noqa: E402
from rung.train.shape import LoraShape  # noqa: E402
from rung.train.texts import Style, Text  # noqa: E402
from rung.train.write import Writer  # noqa: E402
from rung.worlds.catalog import load  # noqa: E402

JUDGEMENTS = 6


@dataclass(slots=True)
class Curve:
    """What one arm reached: seconds of training and dev loss, from time to time."""

    seconds: float = 0.0
    num_tokens: int = 0
    points: list[tuple[float, float]] = field(default_factory=list)

    def time_to(self, loss: float) -> float | None:
        """Return the seconds after which dev loss was at most `loss`, between two looks linear."""
        before = None
        for at, value in self.points:
            if value <= loss:
                if before is None or before[1] == value:
                    return at
                share = (before[1] - loss) / (before[1] - value)
                return before[0] + share * (at - before[0])
            before = (at, value)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every arm is given."""

    base: Path
    texts: Sequence[Text]
    dev: Sequence[Text]
    seconds: float
    batch_size: int
    learning_rate: float
    seed: int

    def model(self, precision: Precision = "fp32") -> Any:
        """Return the base with a fresh adapter, equal for every arm."""
        return add_lora(load_base(self.base, precision), LoraShape(), seed=self.seed)


def by_rung(job: Job, precision: Precision = "auto") -> Curve:
    """Train with the package's loop."""
    curve, model = Curve(), job.model(precision)
    settings = Settings(
        epochs=1000,
        batch_size=job.batch_size,
        learning_rate=job.learning_rate,
        warmup=0.0,  # so early in so long a run the learning rate is constant, as it is for TRL
        judgements=1,
        patience=0,
        seed=job.seed,
    )
    due = [job.seconds * (i + 1) / JUDGEMENTS for i in range(JUDGEMENTS)]
    began = [monotonic_ms()]

    class Over(Exception):
        pass

    def watch(progress: Any) -> None:
        curve.seconds += (monotonic_ms() - began[0]) / 1000.0
        if curve.seconds >= due[len(curve.points)]:
            curve.points.append((curve.seconds, sft.dev_loss(model, job.dev)))
            if len(curve.points) == JUDGEMENTS:
                raise Over
        began[0] = monotonic_ms()

    def loss(model: Any, batch: Sequence[Text]) -> Any:
        found = sft.text_loss(model, batch)
        curve.num_tokens += found.num_tokens
        return found

    with tempfile.TemporaryDirectory() as folder, suppress(Over):
        run_loop(
            model,
            job.texts,
            loss,
            settings,
            length=lambda text: len(text.tokens),
            checkpoint=Path(folder) / "checkpoint",
            tell=watch,
        )
    return curve


def without(module: Any, name: str, instead: Any) -> Callable[[Job], Curve]:
    """Return the package's loop with one function of it put out of order."""

    def arm(job: Job) -> Curve:
        whole = getattr(module, name)
        setattr(module, name, instead)
        try:
            return by_rung(job)
        finally:
            setattr(module, name, whole)

    return arm


def all_logits(model: Any, layout: batches.Layout) -> Any:
    """Return the logits at the places of a layout, having computed those of every token."""
    import torch

    rows = torch.tensor(layout.rows)
    given: dict[str, Any] = {"input_ids": rows, "use_cache": False}
    if layout.prefix:
        given = {"input_ids": rows} | sft._behind_prefix(model, layout, rows.device)
    with computing(model, len(layout.prefix) + len(layout.rows[0])):
        logits = model(**given).logits
    at, columns = torch.tensor(layout.places).T
    return logits[at, columns].float()


def unsorted(lengths: Sequence[int], size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Return random batches, whatever the lengths."""
    from rung.core.seeds import stream

    order = list(range(len(lengths)))
    stream(seed, "batches", epoch).shuffle(order)
    return [order[at : at + size] for at in range(0, len(order), size)]


def by_trl(job: Job, **changed: Any) -> Curve:
    """Train with TRL's SFTTrainer."""
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    curve, model = Curve(), job.model()
    whole = model.get_base_model()
    whole.is_quantized = (
        False  # the Trainer refuses GGUF files, though their weights are floats here
    )
    due = [job.seconds * (i + 1) / JUDGEMENTS for i in range(JUDGEMENTS)]
    rows = [
        {
            "input_ids": list(text.tokens),
            "labels": [t if mark else -100 for t, mark in zip(text.tokens, text.trained)],  # noqa: B905
        }
        for text in job.texts
    ]

    class Watch(TrainerCallback):  # type: ignore[misc]
        began = 0.0

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = monotonic_ms()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            curve.seconds += (monotonic_ms() - self.began) / 1000.0
            if curve.seconds >= due[len(curve.points)]:
                curve.num_tokens = int(state.num_input_tokens_seen)
                curve.points.append((curve.seconds, sft.dev_loss(model, job.dev)))
                control.should_training_stop = len(curve.points) == JUDGEMENTS

    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=job.batch_size,
            learning_rate=job.learning_rate,
            num_train_epochs=1000,
            lr_scheduler_type="constant",
            max_length=None,
            seed=job.seed,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            include_num_input_tokens_seen="non_padding",
            **changed,
        )
        trainer = SFTTrainer(
            model=model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=_tokenizer(job.base, PreTrainedTokenizerFast),
            callbacks=[Watch()],
        )
        trainer.train()
    return curve


def _tokenizer(base: Path, kind: Any) -> Any:
    from rung.engines.transformers_files import load_words

    tokenizer = load_words(base)[0]
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer


TUNED = {"gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"}
ARMS: dict[str, Callable[[Job], Curve]] = {
    "rung": by_rung,
    "rung-all-logits": without(sft, "place_logits", all_logits),
    "rung-no-sharing": without(batches, "_num_shared", lambda texts: 0),
    "rung-no-buckets": without(sys.modules["rung.train.loop"], "draw_batches", unsorted),
    "rung-fp32": partial(by_rung, precision="fp32"),
    "rung-fused-attention": without(sys.modules["rung.train.precision"], "NARROW", 0),
    "trl": by_trl,
    "trl-tuned": partial(by_trl, **TUNED),
    "trl-tuned-fp32": partial(by_trl, bf16=False, **TUNED),
}


def main() -> None:
    """Train every arm; print tokens a second and the time to a dev loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="helpdesk")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--texts", type=int, default=160)
    parser.add_argument("--dev", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--arms", default="rung,trl,trl-tuned")
    parser.add_argument("--prompt", default="bare", choices=("bare", "full"))
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--target", type=float, default=0.0, help="Dev loss; 0: the worst arm's.")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    names = args.arms.split(",")
    if unknown := sorted(set(names) - set(ARMS)):
        raise ConfigError(f"no arm is called {unknown[0]!r}", hint=f"arms: {', '.join(ARMS)}")
    task, base = load(args.task), base_path(args.model)
    with Writer(task, base, Style(prompt=args.prompt)) as writer:
        texts = writer.write(task.train[: args.texts]).texts
        dev = writer.write(task.dev[: args.dev]).texts
    job = Job(
        base=base,
        texts=texts,
        dev=dev,
        seconds=args.seconds,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        seed=args.seed,
    )
    start = sft.dev_loss(job.model(), dev)
    curves = {name: _told(name, ARMS[name](job)) for name in names}
    target = args.target or max(curve.points[-1][1] for curve in curves.values())
    print(f"{len(texts)} texts, {sum(len(t.tokens) for t in texts)} tokens; dev loss {start:.3f}")
    print(f"{'arm':18} {'tokens/s':>9} {'dev loss':>9} {'s to ' + format(target, '.3f'):>12}")
    for name, curve in curves.items():
        took = curve.time_to(target)
        print(
            f"{name:18} {curve.num_tokens / curve.seconds:9.0f} {curve.points[-1][1]:9.3f}"
            f" {'-' if took is None else format(took, '.1f'):>12}"
        )
    print(json.dumps({name: curve.points for name, curve in curves.items()}))


def _told(name: str, curve: Curve) -> Curve:
    print(f"{name}: {curve.num_tokens / curve.seconds:.0f} tokens/s", file=sys.stderr)
    return curve


if __name__ == "__main__":
    main()
