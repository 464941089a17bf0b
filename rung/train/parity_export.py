"""Does the GGUF file of an adapter hold what PEFT saved?

Compares tensor by tensor; what is wrong is named by the mistake that explains it. Whether it
matters to what the model says is measured in `parity_logits.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rung.train.export_names import Base, is_permuted, permute
from rung.train.export_read import Delta, Matrix
from rung.train.parity_tokens import Mismatch

_TOLERANCE = 1e-2
"""Relative; 16-bit files round by 1e-3."""


def compare_files(
    base: Base, expected: Mapping[str, Delta], found: Mapping[str, Delta]
) -> list[Mismatch]:
    """Return why the file `found` differs from what PEFT saved; both by names of the file."""
    if set(expected) != set(found):
        odd = sorted(set(expected) ^ set(found))
        return [_mismatch("other layers", f"{odd[0]} and {len(odd) - 1} more are on one side only")]
    causes: dict[str, list[str]] = {}
    for name, delta in expected.items():
        if cause := _cause(base, name, delta, found[name]):
            causes.setdefault(cause, []).append(name)
    return [
        _mismatch(cause, f"{len(names)} of {len(expected)} tensors, first {names[0]}")
        for cause, names in causes.items()
    ]


def _cause(base: Base, name: str, expected: Delta, found: Delta) -> str:
    if not _alike(expected.a, found.a):
        return "other weights"
    right, there = expected.b * np.float32(expected.scale), found.b * np.float32(found.scale)
    if _alike(right, there):
        return ""
    if _is_multiple(right, there):
        return "alpha ignored"
    if is_permuted(base, name):
        heads = base.num_heads if ".attn_q." in name else base.num_kv_heads
        twice = permute(there, heads)
        if _alike(right, twice) or _is_multiple(right, twice):
            return "missing rotary permutation"
    return "other weights"


def _alike(expected: Matrix, found: Matrix) -> bool:
    if expected.shape != found.shape:
        return False
    size = float(np.abs(expected).max())
    return float(np.abs(expected - found).max()) <= _TOLERANCE * max(size, 1e-12)


def _is_multiple(expected: Matrix, found: Matrix) -> bool:
    """Whether one factor explains the whole difference."""
    square = float(np.square(found).sum())
    if expected.shape != found.shape or not square:
        return False
    factor = np.float32((expected * found).sum() / square)
    return bool(factor > 0) and _alike(expected, found * factor)


def _mismatch(cause: str, detail: str) -> Mismatch:
    return Mismatch(stage="export", cause=cause, detail=detail)
