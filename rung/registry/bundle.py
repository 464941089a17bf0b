"""A bundle: one file that holds a route in service and all it needs, to run elsewhere.

A zip: `manifest.json`, the task's contract and world, artifacts named by their SHA-256. The
manifest names every file with its hash; a signature covers the manifest and so all of it. Nothing
is run or unpickled here. What goes into a bundle is in `pack.py`, what is done with one in
`bundle_home.py`, what a manifest and its paths may be in `manifest.py`.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rung.core.errors import ConfigError, reason_of
from rung.core.files import write_atomic
from rung.core.hashing import canonical_json
from rung.registry.manifest import Manifest, may_hold, parse_manifest
from rung.registry.signing import SIGNATURE_BYTES, check_signature, sign

MAX_FILES = 1000
MAX_BYTES = 4 << 30
MAX_MANIFEST_BYTES = 64 << 20
"""Of what is unpacked before it is known who signed it."""
_MANIFEST, _SIGNATURE = "manifest.json", "signature"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What zipfile raises for files that are no zip, or a damaged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle whose hashes, and signature where one was demanded, are right."""

    manifest: Manifest
    files: Mapping[str, bytes]
    digest: str
    """SHA-256 of the manifest: the bundle's name."""


def write_bundle(path: Path, manifest: Manifest, files: Mapping[str, bytes], key: str = "") -> str:
    """Write a bundle whole or not at all; return its digest.

    `key` is a private Ed25519 key (PEM) to sign with. Raises ConfigError for one that is none, and
    for files that could not be read back.
    """
    told = canonical_json(asdict(manifest)).encode()
    own = ((_MANIFEST, len(told)), (_SIGNATURE, SIGNATURE_BYTES))
    _check_sizes(path, [*own, *((name, len(data)) for name, data in files.items())])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, _MANIFEST, told)
        if key:
            _add(archive, _SIGNATURE, sign(told, key))
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
            return _read(archive, path, trusted)
    except _DAMAGED as error:
        reason = reason_of(error)
        raise ConfigError(
            f"reading bundle {path}: {reason}", hint="rung pack NAME -o FILE.rung writes one"
        ) from None


def _read(archive: zipfile.ZipFile, path: Path, trusted: str) -> Bundle:
    """Unpack the manifest, and what it lists only once its signature is right."""
    entries = _entries(archive, path)
    told, signature = (
        _unpacked(archive, entry) if (entry := entries.pop(name, None)) else b""
        for name in (_MANIFEST, _SIGNATURE)
    )
    if trusted:
        check_signature(path, told, signature, trusted)
    manifest = parse_manifest(told, path)
    if set(entries) != set(manifest.files):
        odd = sorted(set(entries) ^ set(manifest.files))[0]
        raise ConfigError(f"bundle {path} is damaged: {odd} is missing, or not in its manifest")
    files = {}
    for name, entry in entries.items():
        files[name] = _unpacked(archive, entry)
        if hashlib.sha256(files[name]).hexdigest() != manifest.files[name]:
            raise ConfigError(f"bundle {path} is damaged: {name} was altered")
    return Bundle(manifest=manifest, files=files, digest=hashlib.sha256(told).hexdigest())


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), data, zipfile.ZIP_DEFLATED)


def _entries(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name; declared sizes are checked before anything is unpacked."""
    entries = archive.infolist()
    _check_sizes(path, [(entry.filename, entry.file_size) for entry in entries])
    if any(entry.compress_type != zipfile.ZIP_DEFLATED for entry in entries):
        raise ConfigError(f"bundle {path} is damaged: it is packed in another way than bundles are")
    return {entry.filename: entry for entry in entries}


def _check_sizes(path: Path, sizes: Sequence[tuple[str, int]]) -> None:
    names = [name for name, _ in sizes]
    if len(names) > MAX_FILES or sum(num_bytes for _, num_bytes in sizes) > MAX_BYTES:
        raise ConfigError(f"bundle {path} holds more than {MAX_FILES} files or 4 GiB")
    for name, num_bytes in sizes:
        if name in (_MANIFEST, _SIGNATURE) and num_bytes > MAX_MANIFEST_BYTES:
            raise ConfigError(f"bundle {path} has a {name} of more than 64 MiB")
        if not (name in (_MANIFEST, _SIGNATURE) or may_hold(name)):
            raise ConfigError(f"bundle {path} holds {name!r}, which no bundle may hold")
    if len({name.lower() for name in names}) != len(names):  # not all disks tell a from A
        raise ConfigError(f"bundle {path} holds a file twice")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        data = file.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise zipfile.BadZipFile(f"{entry.filename} is not as long as it says")
    return data
