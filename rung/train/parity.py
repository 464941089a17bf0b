"""Parity: does an adapter serve as it trained? One report, one verdict, the mismatch by name.

The same token ids go through the trainer's side (transformers on the dequantised base, PEFT) and
through what serves (llama.cpp on the same GGUF file, the exported LoRA). Two yardsticks make the
numbers comparable between models: the noise, which is how far the two differ without any adapter,
and the effect, which is how far the adapter moves the trainer's own distribution. What serves may
differ by a multiple of the noise and a small part of the effect. Merged and requantised models are
measured too; they do not serve, so they do not decide.

Only a verdict is formed here; `flow/parity.py` opens the engines and keeps the report.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rung.engines.in_process import InProcessEngine
from rung.train.export_names import Base
from rung.train.export_read import Delta
from rung.train.merge import merge
from rung.train.parity_export import compare_files
from rung.train.parity_logits import Difference, Logprobs, compare, value_logprobs
from rung.train.parity_tokens import Mismatch, Probe, Served, compare_tokens, serve

NOISE_FACTOR, EFFECT_SHARE, LEAST_KL = 4.0, 0.05, 1e-5
"""What serves may differ by: times the noise, plus a share of the effect, plus rounding."""
MAX_NOISE = 0.05
"""Nats a token between the bare models; more than kernels explain."""
MERGED = ("f16", "q8_0", "q4_1")

OpenModel = Callable[[Path], InProcessEngine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two engines on one base, and the adapter as each of them has it."""

    trainer: InProcessEngine
    server: InProcessEngine
    adapter: str
    base: Base | None
    """None for a folder, which one engine trains and serves: then only tokens can differ."""
    expected: Mapping[str, Delta]
    """What PEFT saved, by names of the base's file."""
    exported: Mapping[str, Delta]
    """What the served file holds."""
    open_model: OpenModel
    """Opens a merged model with what serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What was measured and what follows from it."""

    passed: bool
    verdict: str
    """`pass`, or `STAGE: cause` of the first mismatch."""
    mismatches: tuple[Mismatch, ...]
    noise_kl: float
    """Trainer against server without an adapter, nats a token."""
    effect_kl: float
    """Trainer with the adapter against the trainer without."""
    allowed_kl: float
    differences: tuple[Difference, ...]
    """The arms against the trainer with the adapter, the served one first."""
    num_recorded: int
    """Probes whose trained tokens are known; 0 leaves template and end tokens unchecked."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def check_parity(sides: Sides, probes: Sequence[Probe], *, merged: bool = True) -> Parity:
    """Compare everything on these probes; raises EngineError where an engine cannot answer."""
    served = [serve(sides.server, probe) for probe in probes]
    recorded = [
        pair for pair in zip(probes, served, strict=True) if pair[0].trained and pair[0].messages
    ]
    named: dict[str, Mismatch] = {}
    for probe, tokens in recorded:
        for found in compare_tokens(sides.server, probe, tokens):
            named.setdefault(found.cause, found)
    for found in compare_files(sides.base, sides.expected, sides.exported) if sides.base else ():
        named.setdefault(found.cause, found)
    right = _all(sides.trainer, sides.adapter, served)
    bare = _all(sides.trainer, "", served)
    noise = compare("base", served, bare, _all(sides.server, "", served))
    effect = compare("effect", served, right, bare)
    del bare
    arms = [compare("served", served, right, _all(sides.server, sides.adapter, served))]
    allowed = NOISE_FACTOR * noise.kl + EFFECT_SHARE * effect.kl + LEAST_KL
    mismatches = [*named.values(), *_numeric(noise, arms[0], allowed, named)]
    arms += _merged(sides, sides.base, served, right) if merged and sides.base else []
    first = mismatches[0] if mismatches else None
    return Parity(
        passed=first is None,
        verdict=f"{first.stage}: {first.cause}" if first else "pass",
        mismatches=tuple(mismatches),
        noise_kl=noise.kl,
        effect_kl=effect.kl,
        allowed_kl=allowed,
        differences=tuple(arms),
        num_recorded=len(recorded),
    )


def _numeric(
    noise: Difference, served: Difference, allowed: float, named: Mapping[str, Mismatch]
) -> list[Mismatch]:
    if noise.kl > MAX_NOISE:
        return [
            Mismatch(
                stage="base",
                cause="another base model",
                detail=f"without an adapter the two sides differ by {noise.kl:.3g} nats a token",
            )
        ]
    if served.kl <= allowed:
        return []
    files = [found.cause for found in named.values() if found.stage == "export"]
    return [
        Mismatch(
            stage="served",
            cause=files[0] if files else "the engine applies the adapter otherwise",
            detail=f"{served.kl:.3g} nats a token from the trainer, {allowed:.3g} allowed;"
            f" {served.num_flips} of {served.num_tokens} likeliest tokens are others",
        )
    ]


def _merged(
    sides: Sides, base: Base, served: Sequence[Served], right: Sequence[Logprobs]
) -> list[Difference]:
    found = []
    for precision in MERGED:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"merged-{precision}.gguf"
            merge(base.path, sides.expected, path, precision)
            opened: AbstractContextManager[InProcessEngine] = closing(sides.open_model(path))
            with opened as engine:
                found.append(
                    compare(f"merged-{precision}", served, right, _all(engine, "", served))
                )
    return found


def _all(engine: InProcessEngine, adapter: str, served: Sequence[Served]) -> list[Logprobs]:
    return [value_logprobs(engine, adapter, tokens) for tokens in served]
