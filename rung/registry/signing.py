"""Signatures of bundles: Ed25519 (RFC 8032), by the `cryptography` package, an extra.

Keys are PEM files of the user's; none is made or kept here.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rung.core.errors import ConfigError

SIGNATURE_BYTES = 64
_HOW_TO_SIGN = "openssl genpkey -algorithm ed25519 -out bundle.pem"


def read_key(path: Path | None) -> str:
    """Return a key as PEM text; empty without a path."""
    if path is None:
        return ""
    try:
        pem = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a PEM file"
        raise ConfigError(f"reading key {path}: {reason}") from None
    if not pem.strip():  # no key would mean no signature
        raise ConfigError(f"reading key {path}: it is empty", hint=_HOW_TO_SIGN)
    return pem


def sign(told: bytes, pem: str) -> bytes:
    """Return the signature of a manifest; raises ConfigError for a key that is none."""
    _demand_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("the key to sign with is no private Ed25519 key", hint=_HOW_TO_SIGN)
    return bytes(key.sign(told))


def check_signature(path: Path, told: bytes, signature: bytes, pem: str) -> None:
    """Raise ConfigError unless the key has signed the manifest of the bundle `path`."""
    _demand_cryptography()
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
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


def _demand_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise ConfigError(
            "bundles are signed with cryptography, which is not installed",
            hint="pip install 'rung[sign]'",
        )
