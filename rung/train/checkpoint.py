"""Checkpoints: one safetensors file with weights, moments, random state and history.

Written whole or not at all, and never unpickled. A file of another run is no checkpoint of this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from rung.core.errors import StoreError
from rung.core.files import write_atomic

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a checkpoint holds besides the weights, which are put in place."""

    history: dict[str, Any]
    best: dict[str, torch.Tensor]


def save_checkpoint(
    path: Path,
    identity: str,
    *,
    parameters: Mapping[str, torch.nn.Parameter],
    best: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    history: Mapping[str, Any],
    random: torch.Tensor,
) -> None:
    """Write a checkpoint in place of the last one; `random` is the state that goes with `history`.

    Raises StoreError.
    """
    tensors = {f"best/{name}": value for name, value in best.items()}
    tensors["random"] = random
    for name, parameter in parameters.items():
        tensors[f"now/{name}"] = parameter.detach()
        for moment in _MOMENTS:
            if moment in optimiser.state[parameter]:
                tensors[f"{moment}/{name}"] = optimiser.state[parameter][moment]
    told = {"identity": identity, "history": json.dumps(history)}
    data = save({name: t.contiguous().cpu() for name, t in tensors.items()}, metadata=told)
    write_atomic(path, data)


def load_checkpoint(
    path: Path,
    identity: str,
    parameters: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
) -> Found | None:
    """Put a checkpoint's weights, moments and random state in place; None where there is none.

    Raises StoreError for a file that is damaged.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            if told.get("identity") != identity:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise StoreError(
            f"reading checkpoint {path}: {error}", hint="delete it to train from the start"
        ) from None
    history: dict[str, Any] = json.loads(told["history"])
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"now/{name}"])
            if f"exp_avg/{name}" in tensors:
                optimiser.state[parameter] = {
                    moment: tensors[f"{moment}/{name}"].to(parameter) for moment in _MOMENTS
                } | {"step": torch.tensor(float(history["step"]))}
    torch.set_rng_state(tensors["random"])
    best = {n.removeprefix("best/"): t for n, t in tensors.items() if n.startswith("best/")}
    return Found(history=history, best=best)
