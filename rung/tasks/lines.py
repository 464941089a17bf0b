"""Text files a user hands over, line by line: UTF-8, optional BOM, LF or CRLF, optional gzip.

Also the one strict JSON reader of this package. It refuses what JSON does not have (NaN, infinity,
numbers too large for a float, lone surrogates), so that everything read can be hashed and written
back, and keys that stand twice. It does not know what a line means.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from rung.core.errors import TaskError, reason_of
from rung.core.spelling import quote

_MAGIC = {
    b"PK\x03\x04": "a zip or Excel file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
}


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line with its line end). A name ending in .gz is unpacked.

    Raises TaskError for a missing file, a folder, a binary file, and text that is not UTF-8.
    """
    try:
        with _open(path) as file:
            for number, raw in enumerate(file, start=1):
                if number == 1:
                    _refuse_binary(path, raw)
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                yield number, _decode(path, number, raw)
    except FileNotFoundError:
        raise TaskError(f"reading {path}: no such file", hint="check the path") from None
    except IsADirectoryError:
        raise TaskError(f"reading {path}: it is a folder, not a file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TaskError(f"reading {path}: not a whole gzip file ({error})") from None
    except OSError as error:
        raise TaskError(f"reading {path}: {reason_of(error)}") from None


def parse_json(text: str, where: str) -> Any:
    """Return the JSON value of `text`; raises TaskError starting with `where`."""
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_object,
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise TaskError(f"{where}: half of a surrogate pair (\\ud800 to \\udfff)") from None
    except json.JSONDecodeError as error:
        raise TaskError(f"{where}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{where}: not JSON: {error}") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that stands in it twice nobody knows which one is meant."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {quote(name)} stands twice in one object")
        found[name] = value
    return found


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _decode(path: Path, number: int, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TaskError(
            f"reading {path}, line {number}: byte {raw[error.start]:#04x} is not UTF-8",
            hint="convert it: iconv -f latin1 -t utf-8",
        ) from None


def _refuse_binary(path: Path, first: bytes) -> None:
    for magic, kind in _MAGIC.items():
        if first.startswith(magic):
            raise TaskError(f"reading {path}: it is {kind}", hint="export it as UTF-8 CSV or JSONL")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large for a number")
    return value
