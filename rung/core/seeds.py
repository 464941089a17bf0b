"""Independent, reproducible random streams derived from one seed and a name."""

from __future__ import annotations

import hashlib
import random


def derive_seed(seed: int, *names: object) -> int:
    """Return a 63-bit seed that depends on `seed` and every name, and on nothing else."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: object) -> random.Random:
    """Return a `random.Random` of its own for this seed and these names."""
    return random.Random(derive_seed(seed, *names))
