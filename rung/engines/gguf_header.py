"""Look at the head of a GGUF file: is it one, and what does it say about itself?

Reads the fixed header and the leading scalar metadata; stops at the first array, where the
vocabulary starts. It loads no weights and does not prove that the tensors are intact: for files of
the catalogue the SHA-256 does. Source: GGUF specification, versions 2 and 3 (ggml, docs/gguf.md).
"""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

from rung.core.errors import EngineError, reason_of

Scalar = int | float | bool | str

_HEAD_BYTES = 1 << 16
_MAX_COUNT = 1_000_000
_FORMATS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING = 8
_QUANTS = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K"}
_QUANTS |= {11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S"}
_QUANTS |= {17: "Q5_K_M", 18: "Q6_K", 32: "BF16"}


class _Truncated(Exception):
    """The head ends inside a value."""


def read_header(path: Path, *, hint: str = "") -> dict[str, Scalar]:
    """Return the leading scalar metadata, e.g. `general.name`. Raises EngineError if not GGUF."""
    try:
        with path.open("rb") as file:
            head = BytesIO(file.read(_HEAD_BYTES))
    except OSError as error:
        raise EngineError(f"reading model file {path}: {reason_of(error)}", hint=hint) from None
    try:
        magic, version, tensors, pairs = _unpack(head, "4sIQQ")
    except _Truncated:
        size = len(head.getvalue())
        raise EngineError(f"model file {path} is cut off: {size} bytes", hint=hint) from None
    if magic != b"GGUF":
        raise EngineError(f"model file {path} is not GGUF: it starts with {magic!r}", hint=hint)
    if version not in (2, 3):
        raise EngineError(f"model file {path} has unknown GGUF version {version}", hint=hint)
    if not (0 < tensors <= _MAX_COUNT and 0 < pairs <= _MAX_COUNT):
        counts = f"{tensors} tensors and {pairs} metadata keys"
        raise EngineError(f"model file {path} is corrupt: it declares {counts}", hint=hint)
    return _scalars(head, pairs)


def quant_name(header: dict[str, Scalar]) -> str:
    """Return the quantization the header declares, e.g. `Q4_K_M`; empty when it does not."""
    code = header.get("general.file_type")
    return _QUANTS.get(code, "") if isinstance(code, int) else ""


def _scalars(head: BytesIO, pairs: int) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    try:
        for _ in range(pairs):
            key = _string(head)
            (kind,) = _unpack(head, "I")
            if kind == _STRING:
                values[key] = _string(head)
            elif kind in _FORMATS:
                (values[key],) = _unpack(head, _FORMATS[kind])
            else:
                break
    except _Truncated:
        pass
    return values


def _unpack(head: BytesIO, layout: str) -> tuple[Any, ...]:
    size = struct.calcsize("<" + layout)
    data = head.read(size)
    if len(data) < size:
        raise _Truncated
    return struct.unpack("<" + layout, data)


def _string(head: BytesIO) -> str:
    (length,) = _unpack(head, "Q")
    data = head.read(min(int(length), _HEAD_BYTES))
    if len(data) < length:
        raise _Truncated
    return data.decode("utf-8", "replace")
