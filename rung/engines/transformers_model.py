"""A transformers model run by torch: the only place of the package that imports torch.

Evaluates rows of tokens, each behind its own cells, as one padded batch. Cells never change, so
branches share them; a batch puts the past of its rows together one layer at a time and keeps only
what is new. Which rows go together is decided by `transformers_branches.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

from rung.core.errors import EngineError
from rung.engines.sampling import Logits

Chunk = dict[int, tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of consecutive tokens by layer, each (1, heads, tokens, size)."""


class Cells:
    """What a branch has evaluated, in chunks whose sizes fall; immutable."""

    def __init__(self, chunks: tuple[Chunk, ...] = ()) -> None:
        self.chunks = chunks
        self.sizes = tuple(_size(chunk) for chunk in chunks)

    def __len__(self) -> int:
        return sum(self.sizes)

    def cut(self, length: int) -> Cells:
        """Return the first `length` cells; nothing is copied."""
        kept: list[Chunk] = []
        for chunk, size in zip(self.chunks, self.sizes, strict=True):
            if length >= size:
                kept.append(chunk)
            elif length > 0:
                kept.append(
                    {i: (k[:, :, :length], v[:, :, :length]) for i, (k, v) in chunk.items()}
                )
            length -= size
        return Cells(tuple(kept))

    def grown(self, chunk: Chunk) -> Cells:
        """Return these cells and those of `chunk`; small chunks are joined, so they stay few."""
        kept = list(self.chunks)
        while kept and _size(kept[-1]) <= _size(chunk):
            chunk = _join(kept.pop(), chunk)
        return Cells((*kept, chunk))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Tokens to evaluate behind cells, and how many of the last ones to report logits after."""

    cells: Cells
    tokens: tuple[int, ...]
    num_logits: int


def has_gpu() -> bool:
    """Return whether torch can use a GPU here."""
    return bool(torch.cuda.is_available())


class TorchModel:
    """Runs one model on the first GPU, else on `threads` CPU threads. Not thread-safe."""

    def __init__(self, model: Any, *, threads: int) -> None:
        self._device = torch.device("cuda" if has_gpu() else "cpu")
        torch.set_num_threads(threads)
        self._model = model.to(self._device)
        accepted = inspect.signature(model.forward).parameters
        self._cache = "cache" if "cache" in accepted else "past_key_values"
        self._can_skip_logits = "logits_to_keep" in accepted
        self.is_exact = bool(model.dtype == torch.float32)
        """Whether sums in another order change the logits by rounding errors only."""

    def close(self) -> None:
        """Free the model."""
        self._model = None

    def forward(self, rows: Sequence[Row]) -> list[tuple[Cells, Logits]]:
        """Evaluate rows side by side; return each one's cells and logits, (num_logits, vocab)."""
        past = max(len(row.cells) for row in rows)
        width = max(len(row.tokens) for row in rows)
        layers = [_Layer(rows, i, past) for i in range(_num_layers(rows))]
        cache = Cache(layers=layers) if layers else Cache(layer_class_to_replicate=_Layer)
        tokens = [[*row.tokens, *[0] * (width - len(row.tokens))] for row in rows]
        wanted = sorted({at for row in rows for at in _wanted(row)}) or [width - 1]
        inputs: dict[str, list[Any]] = {"input_ids": tokens} | _places(rows, past, width)
        if self._can_skip_logits:
            inputs["logits_to_keep"] = wanted
        else:
            wanted = list(range(width))
        tensors = {name: torch.tensor(value, device=self._device) for name, value in inputs.items()}
        try:
            with torch.inference_mode():
                answer = self._model(**tensors, **{self._cache: cache}, use_cache=True)
                logits: Logits = answer.logits.float().cpu().numpy()
        except RuntimeError as error:
            raise EngineError(f"torch could not evaluate a batch: {error}") from None
        if not any(layer.new for layer in cache.layers):
            raise EngineError("the model keeps no keys and values")
        places = {at: i for i, at in enumerate(wanted)}
        return [
            (
                row.cells.grown(_new_cells(cache, i, len(row.tokens))),
                logits[i, [places[at] for at in _wanted(row)]],
            )
            for i, row in enumerate(rows)
        ]


class _Layer(DynamicLayer):  # type: ignore[misc]
    """One layer of a batch: its past is put together when asked for, the new is kept apart."""

    def __init__(self, rows: Sequence[Row] = (), layer: int = 0, past: int = 0) -> None:
        super().__init__()
        self.new: tuple[torch.Tensor, torch.Tensor] | None = None
        self._rows, self._layer, self._past = rows, layer, past

    def get_seq_length(self) -> int:
        return self._past + (self.new[0].shape[-2] if self.new else 0)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.new = keys, values
        return self._behind_past(keys, 0), self._behind_past(values, 1)

    def _behind_past(self, new: torch.Tensor, side: int) -> torch.Tensor:
        """Return the past of all rows, padded on the left with zeros, and `new`."""
        if not self._past:
            return new
        chunks = [[chunk[self._layer][side] for chunk in row.cells.chunks] for row in self._rows]
        if len(chunks) == 1:
            return torch.cat([*chunks[0], new], dim=-2)
        num_rows, heads, width, size = new.shape
        whole = new.new_zeros((num_rows, heads, self._past + width, size))
        whole[:, :, self._past :] = new
        for i, row in enumerate(self._rows):
            at = self._past - len(row.cells)
            for chunk in chunks[i]:
                whole[i, :, at : at + chunk.shape[-2]] = chunk[0]
                at += chunk.shape[-2]
        return whole


def _num_layers(rows: Sequence[Row]) -> int:
    return max((max(chunk) + 1 for row in rows for chunk in row.cells.chunks), default=0)


def _wanted(row: Row) -> range:
    return range(len(row.tokens) - row.num_logits, len(row.tokens))


def _places(rows: Sequence[Row], past: int, width: int) -> dict[str, list[list[int]]]:
    """Return positions and mask where the rows' pasts differ in length, else nothing.

    Padding behind a row needs no mask: no token sees what comes after it.
    """
    if all(len(row.cells) == past for row in rows):
        return {}
    mask, positions = [], []
    for row in rows:
        start, last = len(row.cells), len(row.cells) + len(row.tokens) - 1
        mask.append([0] * (past - start) + [1] * (start + width))
        positions.append([min(start + i, last) for i in range(width)])
    return {"attention_mask": mask, "position_ids": positions}


def _new_cells(cache: Any, row: int, count: int) -> Chunk:
    return {
        i: (layer.new[0][row : row + 1, :, :count], layer.new[1][row : row + 1, :, :count])
        for i, layer in enumerate(cache.layers)
        if layer.new is not None
    }


def _size(chunk: Chunk) -> int:
    return int(next(iter(chunk.values()))[0].shape[-2])


def _join(left: Chunk, right: Chunk) -> Chunk:
    return {
        i: (torch.cat([left[i][0], k], dim=-2), torch.cat([left[i][1], v], dim=-2))
        for i, (k, v) in right.items()
    }
