"""The model as training began: a frozen copy of what is trained, put in place for a moment.

Only the adapter is copied; the base under it never changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rung.train.base import trainable


class Reference:
    """A frozen copy of a model's trainable weights."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._weights = {name: p.detach().clone() for name, p in trainable(model).items()}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model be its former self until the block ends, without dropout or gradient."""
        now = {name: p.detach().clone() for name, p in trainable(self._model).items()}
        self._put(self._weights)
        try:
            with frozen(self._model):
                yield
        finally:
            self._put(now)

    def _put(self, weights: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in trainable(self._model).items():
                parameter.copy_(weights[name])


@contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Evaluate a model without dropout or gradient until the block ends."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
