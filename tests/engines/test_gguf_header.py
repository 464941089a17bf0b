"""The head of a GGUF file, sane, odd and broken."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rung.core.errors import EngineError
from rung.engines.gguf_header import quant_name, read_header


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(*pairs: bytes, version: int = 3, tensors: int = 1, count: int | None = None) -> bytes:
    """Build a GGUF head from encoded key-value pairs."""
    num = len(pairs) if count is None else count
    return b"GGUF" + struct.pack("<IQQ", version, tensors, num) + b"".join(pairs)


NAME = text("general.name") + struct.pack("<I", 8) + text("Tiny")
FILE_TYPE = text("general.file_type") + struct.pack("<II", 4, 15)
SCALE = text("scale") + struct.pack("<If", 6, 0.5)
ARRAY = text("tokenizer.tokens") + struct.pack("<IIQ", 9, 8, 3)


def test_leading_scalars_are_read_and_arrays_end_it(tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf(NAME, FILE_TYPE, SCALE, ARRAY, NAME))
    header = read_header(path)
    assert header == {"general.name": "Tiny", "general.file_type": 15, "scale": 0.5}
    assert quant_name(header) == "Q4_K_M"
    assert quant_name({}) == quant_name({"general.file_type": 999}) == ""


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "cut off: 0 bytes"),
        (b"GGUF", "cut off: 4 bytes"),
        (b"<!DOCTYPE html><html>....", "not GGUF: it starts with b'<!DO'"),
        (gguf(NAME, version=1), "unknown GGUF version 1"),
        (gguf(NAME, tensors=0), "declares 0 tensors"),
        (gguf(NAME, tensors=1 << 60), "corrupt"),
        (gguf(count=0), "0 metadata keys"),
    ],
)
def test_broken_files_are_named_with_the_hint(tmp_path, data, words):
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    with pytest.raises(EngineError, match=words) as caught:
        read_header(path, hint="rung models pull x --force")
    assert str(path) in caught.value.message
    assert caught.value.hint == "rung models pull x --force"


def test_no_file_is_an_engine_error(tmp_path):
    with pytest.raises(EngineError, match="No such file"):
        read_header(tmp_path / "none.gguf")


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_no_bytes_break_the_reader(tmp_path, data, start):
    path = tmp_path / "x.gguf"
    path.write_bytes(
        [data, b"GGUF" + data, gguf(count=5) + data, gguf(NAME, count=9) + data][start]
    )
    try:
        assert isinstance(read_header(path), dict)
    except EngineError:
        assert start < 2
