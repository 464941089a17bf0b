"""Whether a transformers model continues from its cache as it would from the start.

Forms share, cut and continue what was evaluated, so a model that keeps more than keys and values,
looks ahead or numbers its tokens by the batch would write other text than it should, in silence.
It is refused when it is opened.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rung.core.errors import EngineError
from rung.engines.sampling import Logits
from rung.engines.transformers_model import Cells, Row, TorchModel

_NUM_TOKENS = 32
_EXACT, _HALF = 1e-3, 0.1
"""Largest deviation of 32-bit and of 16-bit weights, relative to the spread of the logits."""
_HINT = "run its GGUF file with llama.cpp, or serve it and name it http:MODEL@URL"


def check_cache(model: TorchModel, tokens: Sequence[int], name: str) -> None:
    """Evaluate a text whole and from the cache; raises EngineError where the logits differ.

    `tokens` are a text of any length, `name` is what the error calls the model.
    """
    sample = (list(tokens) * _NUM_TOKENS)[:_NUM_TOKENS]
    try:
        off = _deviation(model, sample)
    except Exception as error:  # noqa: BLE001  (whatever a model's own code raises)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise EngineError(f"{name} cannot continue from a cache: {reason}", hint=_HINT) from None
    if not off <= (_EXACT if model.is_exact else _HALF):
        raise EngineError(
            f"{name} does not continue from its cache as from the start: logits are off by"
            f" {off:.2g} of their spread",
            hint=_HINT,
        )


def _deviation(model: TorchModel, tokens: list[int]) -> float:
    """Return how far logits from the cache are from those of the text evaluated whole."""
    short, middle, last = len(tokens) // 4, len(tokens) // 2, len(tokens) - 1
    _, whole = model.forward([_row(Cells(), tokens)])[0]
    cells, first = model.forward([_row(Cells(), [*tokens[:middle], *reversed(tokens)])])[0]
    long, branch = cells.cut(middle), cells.cut(short)
    rows = [_row(long, tokens[middle:last]), _row(branch, tokens[short:middle])]
    (long, second), (_, third) = model.forward(rows)
    _, fourth = model.forward([_row(long, tokens[last:])])[0]
    found = [(0, first[:middle]), (middle, second), (short, third), (last, fourth)]
    return float(np.max([_distance(part, whole[at : at + len(part)]) for at, part in found]))


def _row(cells: Cells, tokens: list[int]) -> Row:
    return Row(cells=cells, tokens=tuple(tokens), num_logits=len(tokens))


def _distance(found: Logits, expected: Logits) -> float:
    """Return the root mean square of the difference, relative to the spread."""
    wrong = np.sqrt(np.square(found - expected, dtype=np.float64).mean())
    return float(wrong / max(float(expected.std()), 1e-9))
