"""Content-addressed files: the name of an artifact is the SHA-256 of its bytes.

Holds linear heads, calibrations and adapters. Reading checks the hash; nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from uuid import uuid4

from rung.core import config
from rung.core.errors import StoreError, reason_of

_NAME = re.compile(r"[0-9a-f]{64}")


class Artifacts:
    """The artifact folder, `RUNG_HOME/artifacts` unless told otherwise."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or config.home() / "artifacts"

    def put(self, data: bytes) -> str:
        """Store bytes and return their SHA-256; a copy that was altered on disk is mended."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder / digest
        try:
            if not path.is_file() or path.read_bytes() != data:
                self._write(path, data)
        except OSError as error:
            raise StoreError(
                f"writing artifact {digest[:12]} to {self._folder} failed: {reason_of(error)}",
                hint="check free disk space and the rights of the folder",
            ) from None
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{uuid4().hex}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def find(self, start: str) -> str:
        """Return the one artifact whose name starts so (6 digits or more); raises StoreError."""
        plain = re.fullmatch(r"[0-9a-f]{6,64}", start) is not None
        found = sorted(path.name for path in self._folder.glob(f"{start}*")) if plain else []
        if len(found) == 1:
            return found[0]
        many = f"{len(found)} artifacts start" if found else "no artifact starts"
        raise StoreError(f"{many} with {start!r} in {self._folder}")

    def file(self, digest: str) -> Path:
        """Return where an artifact lies, for libraries that open files; raises like `get`."""
        self.get(digest)
        return self._folder / digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of an artifact; raises StoreError when missing or altered."""
        if not _NAME.fullmatch(digest):
            raise StoreError(f"{digest!r} is not an artifact name (64 hex digits)")
        try:
            data = (self._folder / digest).read_bytes()
        except FileNotFoundError:
            raise StoreError(
                f"artifact {digest[:12]} is missing from {self._folder}",
                hint="climb again to make it",
            ) from None
        except OSError as error:
            raise StoreError(f"reading artifact {digest[:12]}: {reason_of(error)}") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(
                f"artifact {digest[:12]} was altered on disk", hint="delete it and climb again"
            )
        return data
