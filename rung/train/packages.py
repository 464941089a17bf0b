"""What training and parity need installed, told before anything of it is imported."""

from __future__ import annotations

from importlib.util import find_spec

from rung.core.errors import TrainError

PACKAGES = ("torch", "transformers", "peft", "gguf", "accelerate", "llguidance")


def demand_packages(purpose: str) -> None:
    """Raise TrainError naming the first package that is needed and not installed.

    `purpose` is what is being done, e.g. `training`.
    """
    for package in PACKAGES:
        if find_spec(package) is None:
            raise TrainError(
                f"{purpose} needs {package}, which is not installed",
                hint="pip install 'rung[local,train]'",
            )
