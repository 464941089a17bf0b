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

from rung.core.errors import ConfigError
from rung.core.files import write_atomic
from rung.core.hashing import canonical_json
from rung.registry.manifest import Manifest, may_hold, parse_manifest
from rung.registry.signing import SIGNATURE_BYTES, check_signature, sign

MAX_FILES = 1000
MAX_BYTES = 4 << 30
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
    num_bytes = len(told) + SIGNATURE_BYTES + sum(map(len, files.values()))
    _check_names(path, [_MANIFEST, _SIGNATURE, *files], num_bytes)
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
            contents = _contents(archive, path)
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"reading bundle {path}: {reason}", hint="rung pack NAME -o FILE.rung writes one"
        ) from None
    told, signature = contents.pop(_MANIFEST, b""), contents.pop(_SIGNATURE, b"")
    if trusted:
        check_signature(path, told, signature, trusted)
    manifest = parse_manifest(told, path)
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
    names = [entry.filename for entry in entries]
    _check_names(path, names, sum(entry.file_size for entry in entries))
    if any(entry.compress_type != zipfile.ZIP_DEFLATED for entry in entries):
        raise ConfigError(f"bundle {path} is damaged: it is packed in another way than bundles are")
    return {entry.filename: _unpacked(archive, entry) for entry in entries}


def _check_names(path: Path, names: Sequence[str], num_bytes: int) -> None:
    if len(names) > MAX_FILES or num_bytes > MAX_BYTES:
        raise ConfigError(f"bundle {path} holds more than {MAX_FILES} files or 4 GiB")
    for name in names:
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
