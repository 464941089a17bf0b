"""What a model computes with in training: 32 or 16 bits, and which attention suits a batch.

Most of a step on a CPU is multiplying by frozen weights. Where the processor multiplies bfloat16 in
hardware these are held so, and the adapter, its optimiser, norms and losses stay in 32 bits
(mixed precision, Micikevicius et al. 2018, arXiv 1710.03740). What is learnt is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Precision = Literal["auto", "bf16", "fp32"]
NARROW = 128
"""Columns up to which plain attention beats the fused one on a CPU, backward included."""


def base_dtype(precision: Precision) -> torch.dtype:
    """Return the type that frozen weights are held in; "auto" asks the machine."""
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() or _multiplies_bf16() else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def for_drawing(precision: Precision) -> Precision:
    """Return the precision of a model that also draws answers: on a CPU always 32 bits."""
    return precision if torch.cuda.is_available() else "fp32"


def _multiplies_bf16() -> bool:
    """Return whether this processor has instructions for products of bfloat16."""
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(has.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


@contextmanager
def computing(model: Any, columns: int) -> Iterator[None]:
    """Let a model on a CPU compute rows of so many columns as suits its weights."""
    head = model.get_output_embeddings().weight
    if head.device.type != "cpu":
        yield
        return
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager" if columns <= NARROW else usual)
    try:
        with torch.autocast("cpu", torch.bfloat16, enabled=head.dtype == torch.bfloat16):
            yield
    finally:
        model.set_attn_implementation(usual)
