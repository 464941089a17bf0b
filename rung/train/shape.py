"""Which weights an adapter changes, as a record; no torch needed to read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraShape:
    """Which weights an adapter changes (Hu et al. 2021, arXiv 2106.09685)."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    top_layers: int = 0
    """Only this many layers, the last ones; below them nothing is differentiated. 0: all."""
    targets: tuple[str, ...] = ()
    """Names of linear modules; all but the head where empty."""
