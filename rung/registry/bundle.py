"""A bundle: one file that holds a route in service and all it needs, to run elsewhere.

A zip of plain data: `manifest.json`, the task's contract, artifacts named by their SHA-256. The
manifest names every file with its hash; a signature (Ed25519, RFC 8032) covers the manifest and so
all of it. Nothing in it is code and nothing is unpickled. What goes into a bundle, and what is done
with one, is in `pack.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rung.core.errors import ConfigError
from rung.core.files import write_atomic
from rung.core.hashing import canonical_json

BUNDLE_VERSION = 1
MAX_FILES = 1000
MAX_BYTES = 4 << 30
_MANIFEST, _SIGNATURE = "manifest.json", "signature"
_PATH = re.compile(r"task/(task\.toml|form\.json|shots\.jsonl)"
                   r"|artifacts/[0-9a-f]{64}")  # fmt: skip
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_HOW_TO_SIGN = "openssl genpkey -algorithm ed25519 -out bundle.pem"
_DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What zipfile raises for files that are no zip, or a damaged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself. No times, so that equal routes give equal bundles."""

    task: str
    route: Mapping[str, Any]
    """The route in service, as JSON."""
    route_hash: str
    receipt: Mapping[str, Any]
    """With which the gate put it in service."""
    parity: Mapping[str, Any]
    """The parity report of each adapter."""
    models: Mapping[str, str]
    """The models that the route asks, with the SHA-256 of their weights; empty where these are on
    a server."""
    code: str
    """The version that wrote it."""
    files: Mapping[str, str]
    """SHA-256 by path."""
    version: int = BUNDLE_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle whose hashes, and signature where one was demanded, are right."""

    manifest: Manifest
    files: Mapping[str, bytes]
    digest: str
    """SHA-256 of the manifest: the bundle's name."""


def write_bundle(path: Path, manifest: Manifest, files: Mapping[str, bytes], key: str = "") -> str:
    """Write a bundle whole or not at all; return its digest.

    `key` is a private Ed25519 key (PEM) to sign with. Raises ConfigError for one that is none.
    """
    told = canonical_json(asdict(manifest)).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, _MANIFEST, told)
        if key:
            _add(archive, _SIGNATURE, _sign(told, key))
        for name in sorted(files):
            _add(archive, name, files[name])
    write_atomic(path, buffer.getvalue())
    return hashlib.sha256(told).hexdigest()


def read_bundle(path: Path, trusted: str = "") -> Bundle:
    """Return a bundle all of whose files are what its manifest says.

    `trusted` is a public Ed25519 key (PEM) that must have signed it. Raises ConfigError naming what
    is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            contents = _contents(archive, path)
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"reading bundle {path}: {reason}", hint="rung pack NAME -o FILE.rung writes one"
        ) from None
    told, signature = contents.pop(_MANIFEST, b""), contents.pop(_SIGNATURE, b"")
    if trusted:
        _check_signature(path, told, signature, trusted)
    manifest = _parse(told, path)
    if set(contents) != set(manifest.files):
        odd = sorted(set(contents) ^ set(manifest.files))[0]
        raise ConfigError(f"bundle {path} is damaged: {odd} is missing, or not in its manifest")
    for name, data in contents.items():
        if hashlib.sha256(data).hexdigest() != manifest.files[name]:
            raise ConfigError(f"bundle {path} is damaged: {name} was altered")
    return Bundle(manifest=manifest, files=contents, digest=hashlib.sha256(told).hexdigest())


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), data, zipfile.ZIP_DEFLATED)


def _contents(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    """Return the files by name; declared sizes are checked before anything is unpacked."""
    entries = archive.infolist()
    if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ConfigError(f"bundle {path} holds more than {MAX_FILES} files or 4 GiB")
    names = [entry.filename for entry in entries]
    for name in names:
        if not (name in (_MANIFEST, _SIGNATURE) or _PATH.fullmatch(name)):
            raise ConfigError(f"bundle {path} holds {name!r}, which no bundle may hold")
    if any(entry.compress_type != zipfile.ZIP_DEFLATED for entry in entries):
        raise ConfigError(f"bundle {path} is damaged: it is packed in another way than bundles are")
    if len(set(names)) != len(names):
        raise ConfigError(f"bundle {path} holds a file twice")
    return {entry.filename: _unpacked(archive, entry) for entry in entries}


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        data = file.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise zipfile.BadZipFile(f"{entry.filename} is not as long as it says")
    return data


def _parse(told: bytes, path: Path) -> Manifest:
    try:
        data = json.loads(told)
        if data["version"] != BUNDLE_VERSION:
            raise ConfigError(
                f"bundle {path} is of version {data['version']}, not {BUNDLE_VERSION}",
                hint="upgrade rung",
            )
        manifest = Manifest(**data)
        tables = (manifest.route, manifest.receipt, manifest.parity)
        texts = (manifest.task, *manifest.files.values(), *manifest.models.values())
        if not all(isinstance(table, dict) for table in tables):
            raise TypeError
        if not all(isinstance(text, str) for text in texts):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"bundle {path} has no readable manifest") from None
    return manifest


def _demand_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise ConfigError(
            "bundles are signed with cryptography, which is not installed",
            hint="pip install 'rung[sign]'",
        )


def _sign(told: bytes, pem: str) -> bytes:
    _demand_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("the key to sign with is no private Ed25519 key", hint=_HOW_TO_SIGN)
    return bytes(key.sign(told))


def _check_signature(path: Path, told: bytes, signature: bytes, pem: str) -> None:
    _demand_cryptography()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(
            "the key to trust is no public Ed25519 key",
            hint="openssl pkey -in bundle.pem -pubout -out bundle.pub",
        )
    if not signature:
        raise ConfigError(f"bundle {path} is not signed", hint="rung pack NAME --sign bundle.pem")
    try:
        key.verify(signature, told)
    except InvalidSignature:
        raise ConfigError(f"bundle {path} was not signed by the trusted key, or altered") from None
