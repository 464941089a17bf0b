"""The artifact of a calibration: what was fitted for each choice slot, as JSON, read back strictly.

A Route names it by its hash. Fitting is in `calibrate.py`, what a map does to probabilities in
`forms/decisions.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from rung.core.errors import TrainError
from rung.core.hashing import canonical_json
from rung.forms import Calibration, Form

Method = Literal["none", "temperature", "affine"]
METHODS: tuple[Method, ...] = get_args(Method)
"""The simplest first."""
_KIND = "calibration of choices, version 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCalibration:
    """One slot's map, and what it rests on."""

    options: tuple[str, ...]
    """JSON texts of the slot's options, in the order of the map's bias."""
    method: Method
    map: Calibration
    losses: Mapping[Method, float] = field(default_factory=dict)
    """Mean log-loss in nats of each method tried, on groups it was not fitted on."""
    num_fitted: int = 0
    """Labels the map was fitted on."""
    alpha: float = 0.0
    """Share of prediction sets that may miss the right option; 0 where no threshold is known."""
    num_ranked: int = 0
    """Labels the threshold was taken from, one a group."""


def to_bytes(slots: Mapping[str, SlotCalibration]) -> bytes:
    """Serialise; equal calibrations give equal bytes."""
    return canonical_json(
        {"kind": _KIND, "slots": {path: asdict(slot) for path, slot in slots.items()}}
    ).encode()


def from_bytes(data: bytes, form: Form) -> dict[str, SlotCalibration]:
    """Rebuild the calibration of a form's choices.

    Raises TrainError when the bytes are anything else, or belong to other options.
    """
    try:
        read = json.loads(data)
        if read["kind"] != _KIND or read.keys() != {"kind", "slots"}:
            raise ValueError(f"kind {read['kind']!r}")
        slots = {path: _slot(value) for path, value in read["slots"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TrainError(
            f"an artifact is no {_KIND}: {error}", hint="climb again to fit a new one"
        ) from None
    known = {s.path: tuple(json.dumps(v) for v in s.options) for s in form.choices()}
    for path, slot in slots.items():
        if known.get(path) != slot.options:
            raise TrainError(
                f"a calibration is of other options of {path!r} than the form has",
                hint="climb again to fit a new one",
            )
    return slots


def _slot(value: dict[str, Any]) -> SlotCalibration:
    """Read one slot; every field must be there, and nothing else."""
    _check_fields(value, SlotCalibration)
    _check_fields(value["map"], Calibration)
    made = Calibration(**{**value["map"], "bias": tuple(value["map"]["bias"])})
    slot = SlotCalibration(**{**value, "options": tuple(value["options"]), "map": made})
    numbers = [made.temperature, *made.bias, *slot.losses.values()]
    numbers += [] if made.threshold is None else [made.threshold]
    if not all(isinstance(x, float) and math.isfinite(x) for x in numbers):
        raise ValueError("a number that is none")
    if made.temperature <= 0.0 or not 0.0 <= (made.threshold or 0.0) <= 1.0:
        raise ValueError(f"temperature {made.temperature}, threshold {made.threshold}")
    if len(made.bias) not in (0, len(slot.options)) or slot.method not in METHODS:
        raise ValueError(f"{len(made.bias)} biases, method {slot.method!r}")
    return slot


def _check_fields(value: dict[str, Any], record: type) -> None:
    wanted = {field.name for field in fields(record)}
    if value.keys() != wanted:
        raise ValueError(f"fields {sorted(value.keys() ^ wanted)}")
