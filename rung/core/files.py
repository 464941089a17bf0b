"""Write a file whole or not at all; hold a file alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rung.core.errors import RungError, StoreError, reason_of

if sys.platform == "win32":
    import msvcrt

    _Held = PermissionError
else:
    import fcntl

    _Held = BlockingIOError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing, text as UTF-8. Raises StoreError naming the path."""
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"writing {path} failed: {reason_of(error)}") from None


@contextmanager
def alone(path: Path, busy: RungError, *, remove: bool = False) -> Iterator[None]:
    """Hold a lock file while the block runs; a kill lets go. `remove` deletes the file at the end.

    Raises `busy` at once where another process holds it, StoreError where it cannot be written or
    locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise StoreError(f"writing {path} failed: {reason_of(error)}") from None
    with file:
        if not _is_held(path, file):
            raise busy
        try:
            yield
        finally:
            if remove:
                with suppress(OSError):  # Windows keeps a file that is open
                    path.unlink()


def _is_held(path: Path, file: IO[bytes]) -> bool:
    """Hold an open file, and see that it was not deleted meanwhile by who held it before."""
    try:
        hold_alone(file)
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except OSError:
        return False


def hold_alone(handle: IO[bytes]) -> None:
    """Lock an open file until it is closed or the process ends, however it ends.

    Raises OSError at once when another process holds it, StoreError when it cannot be locked: some
    network and shared folders know no locks.
    """
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except _Held:
        raise
    except OSError as error:
        raise StoreError(
            f"locking {handle.name} failed: {reason_of(error)}",
            hint="set RUNG_HOME to a folder on a local disk: its file system must know locks",
        ) from None
