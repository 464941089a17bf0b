"""Where things live on this machine, and the only place that reads the environment.

| variable       | meaning                                                         |
|----------------|-----------------------------------------------------------------|
| `RUNG_HOME`    | folder of models, tasks, runs and the store (default `~/.rung`) |
| `RUNG_LLAMA`   | package to take llama.cpp from (default: the first that is installed and fits) |
| `RUNG_OFFLINE` | `1` forbids every download                                      |
| `RUNG_THREADS` | threads an in-process engine may use (default 2)                |

API keys are read from the variable a model names (`secret`); they are never stored or logged.
"""

from __future__ import annotations

import os
from pathlib import Path

from rung.core.errors import ConfigError

LLAMA_PACKAGES = ("llama-cpp-python", "xllamacpp")
"""The preferred one first."""


def home() -> Path:
    """Return `RUNG_HOME` as an absolute path; it need not exist yet."""
    return Path(os.environ.get("RUNG_HOME") or Path.home() / ".rung").expanduser().absolute()


def move_home(path: Path) -> None:
    """Let this process, and what it starts, live in another home."""
    os.environ["RUNG_HOME"] = str(path)


def offline() -> bool:
    """Return whether downloads are forbidden."""
    return os.environ.get("RUNG_OFFLINE", "") not in ("", "0")


def num_threads() -> int:
    """Return how many threads an in-process engine may use (1 to 256)."""
    text = os.environ.get("RUNG_THREADS", "2")
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise ConfigError(
            f"RUNG_THREADS is {text!r}, not a number from 1 to 256", hint="export RUNG_THREADS=2"
        )
    return int(text)


def llama_package() -> str:
    """Return the package that llama.cpp must be taken from; empty when any will do."""
    name = os.environ.get("RUNG_LLAMA", "")
    if name not in ("", *LLAMA_PACKAGES):
        raise ConfigError(
            f"RUNG_LLAMA is {name!r}, not one of {', '.join(LLAMA_PACKAGES)}",
            hint="unset RUNG_LLAMA",
        )
    return name


def limit_spinning() -> None:
    """Let OpenMP threads sleep soon when they wait, unless the user has set GOMP_SPINCOUNT.

    Must run before the engine's library is loaded. With another process on the same cores,
    threads that spin at every barrier cost 4x of the decoding speed; on a quiet machine nothing.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def keep_hub_offline() -> None:
    """Tell Hugging Face libraries to fetch nothing; must run before they are imported."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def secret(variable: str) -> str | None:
    """Return the value of the environment variable that holds a key, or None when unset."""
    return os.environ.get(variable) or None
