"""Names that conversations are served and kept by, without personal data.

What would name a person becomes a hash under a key of this home: of a plain one whoever reads the
store could tell whether a mail address is in it, by hashing that. The key lies beside the store,
readable for its user alone, and is no part of a copy of the store.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from rung.core.config import home
from rung.core.errors import StoreError, reason_of
from rung.traces.redact import Redactor

_KEY_BYTES = 32


class Names:
    """Names conversations. Raises StoreError when the key cannot be read or made."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._key = _read_key(home() / "names.key")

    def given(self, name: str, tenant: str) -> str:
        """Return the name that a client gave, or its hash where it holds personal data: redacted,
        the conversations of many people would be one."""
        if self._redactor.text(name) == name:
            return name
        return self.hashed(tenant.encode(), name.encode("utf-8", "surrogatepass"))

    def hashed(self, *parts: bytes) -> str:
        """Return the name of a conversation that is known by what was said, 12 hex digits."""
        return hmac.digest(self._key, b"\x1f".join(parts), "sha256").hex()[:12]


def _read_key(path: Path) -> bytes:
    """Return the key, made anew where there is none; of two processes one makes it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "xb", buffering=0, opener=_private) as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
        except FileExistsError:
            pass
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(f"reading {path} failed: {reason_of(error)}") from None
    if len(key) != _KEY_BYTES:
        raise StoreError(
            f"{path} holds {len(key)} bytes, not a key of {_KEY_BYTES}",
            hint="delete it: a new one is made, and conversations are named anew",
        )
    return key


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
