"""Which package llama.cpp is taken from: the first that is installed and fits.

`llama-cpp-python` is compiled for this machine's own processor; its field places come from its own
struct definitions. The prebuilt `xllamacpp` wheel needs no compiler; its places are known for the
pinned version. One that does not fit is passed over in silence: `rung doctor` says why.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from rung.core import config
from rung.core.errors import EngineError
from rung.engines.llama_library import CONTEXT, MODEL, Batch, Library, Places, Unfit

WHEEL = "xllamacpp==2026.10.11549"
_WHEEL_PLACES: Places = {
    "context": dict(
        zip(CONTEXT, (0, 4, 8, 12, 20, 24, 28, 32, 136, 137, 138, 139, 140, 141), strict=True)
    ),
    "model": dict(zip(MODEL, (16, 72, 73, 74), strict=True)),
}
"""llama.cpp b11549."""


def _folder(package: str) -> Path | None:
    """Return where a package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations or []) if spec else []
    return next((Path(place) for place in places), None)


def _wheel() -> Library:
    folder = _folder("xllamacpp")
    for pattern in ("xllamacpp*.so", "xllamacpp*.pyd", "xllamacpp*.dylib"):
        if folder and (found := sorted(folder.glob(pattern))):
            return Library("xllamacpp", found[0], _WHEEL_PLACES)
    raise Unfit("the wheel holds no shared object")


def _compiled() -> Library:
    try:
        own = importlib.import_module("llama_cpp.llama_cpp")
        places: Places = {
            "context": {name: getattr(own.llama_context_params, name).offset for name in CONTEXT},
            "model": {name: getattr(own.llama_model_params, name).offset for name in MODEL},
        }
        batch = _places_of(own.llama_batch)
        path = Path(own._lib._name)
    except Exception as error:  # noqa: BLE001  (whatever a foreign build says when it is imported)
        raise Unfit(f"importing llama_cpp failed: {error}") from None
    if batch != _places_of(Batch):
        raise Unfit("another layout of batches")
    return Library("llama-cpp-python", path, places)


def _places_of(struct: Any) -> dict[str, int]:
    return {name: getattr(struct, name).offset for name, _ in struct._fields_}


class _Package(NamedTuple):
    module: str
    load: Callable[[], Library]


_PACKAGES = {
    "llama-cpp-python": _Package("llama_cpp", _compiled),
    "xllamacpp": _Package("xllamacpp", _wheel),
}


class Chosen(NamedTuple):
    """The library in use, if any, and why others are not."""

    library: Library | None
    passed_over: dict[str, str]


def installed() -> list[str]:
    """Return the packages that are here, the preferred one first; nothing is loaded."""
    wanted = config.llama_package()
    return [
        name
        for name, package in _PACKAGES.items()
        if wanted in ("", name) and _folder(package.module) is not None
    ]


@cache
def choose() -> Chosen:
    """Load the first library that fits."""
    config.limit_spinning()
    passed_over: dict[str, str] = {}
    for name in installed():
        try:
            return Chosen(_PACKAGES[name].load(), passed_over)
        except Unfit as unfit:
            passed_over[name] = f"{name} {_version(name)}: {unfit}"
    return Chosen(None, passed_over)


def library() -> Library:
    """Return the library in use; raises EngineError saying what to install."""
    chosen = choose()
    if chosen.library is not None:
        return chosen.library
    if not chosen.passed_over:
        wanted = config.llama_package()
        raise EngineError(
            f"{wanted or 'the in-process engine'} is not installed",
            hint=f"pip install {wanted}" if wanted else "pip install 'rung[local]'",
        )
    raise EngineError("; ".join(chosen.passed_over.values()), hint=f"pip install {WHEEL}")


def describe(found: Library) -> str:
    """Return a library's package, version and kind of code."""
    return f"{found.name} {_version(found.name)}{' (AVX-512)' if found.is_avx512 else ''}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
