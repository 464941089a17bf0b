"""Which llama.cpp is loaded: the preferred package where it fits, else the other one, and why."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from rung.core.errors import ConfigError, EngineError
from rung.engines import llama_packages
from rung.engines.llama_library import CONTEXT, MODEL, Library
from rung.engines.llama_packages import Chosen, choose, describe, installed

pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")

SOURCE = """
import ctypes

_lib = ctypes.CDLL({library!r})
_KINDS = {{"c_int": ctypes.c_int32, "c_ubyte": ctypes.c_uint8}}


def _struct(name, places):
    fields, at = [], 0
    for field, (kind, offset) in places.items():
        if offset > at:
            fields.append((f"before_{{field}}", ctypes.c_uint8 * (offset - at)))
        fields.append((field, _KINDS[kind]))
        at = offset + ctypes.sizeof(_KINDS[kind])
    return type(name, (ctypes.Structure,), {{"_fields_": fields}})


llama_context_params = _struct("llama_context_params", {context!r})
llama_model_params = _struct("llama_model_params", {model!r})
from rung.engines.llama_library import Batch as llama_batch
"""


def other_package(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Put a package called llama_cpp before all others."""
    (folder / "llama_cpp").mkdir()
    (folder / "llama_cpp" / "__init__.py").write_text("", "utf-8")
    (folder / "llama_cpp" / "llama_cpp.py").write_text(source, "utf-8")
    for name in [name for name in sys.modules if name.partition(".")[0] == "llama_cpp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(folder)


def laid_out(shift: int = 0) -> str:
    """Return a package like llama-cpp-python around the wheel's library, its fields shifted."""
    places = llama_packages._WHEEL_PLACES
    known = {
        which: {
            name: (kind.__name__, places[which][name] + shift) for name, (kind, _) in of.items()
        }
        for which, of in (("context", CONTEXT), ("model", MODEL))
    }
    (library,) = llama_packages._folder("xllamacpp").glob("xllamacpp*.so")  # type: ignore[union-attr]
    return SOURCE.format(library=str(library), **known)


def chosen() -> Chosen:
    return choose.__wrapped__()


def test_the_preferred_package_is_used_where_its_own_layout_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_package(tmp_path, monkeypatch, laid_out())
    found = chosen()
    assert installed() == ["llama-cpp-python", "xllamacpp"]
    assert found.library is not None and found.library.name == "llama-cpp-python"
    assert describe(found.library).startswith("llama-cpp-python")
    assert not found.passed_over


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (laid_out(shift=8), "other context parameters"),
        ("raise RuntimeError('no CUDA')", "importing llama_cpp failed: no CUDA"),
        ("class llama_context_params: pass", "importing llama_cpp failed"),
        (laid_out() + "del llama_batch", "llama_batch"),
    ],
    ids=["layout", "import", "structs", "batch"],
)
def test_what_does_not_fit_is_passed_over_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    other_package(tmp_path, monkeypatch, source)
    found = chosen()
    assert found.library is not None and found.library.name == "xllamacpp"
    assert reason in found.passed_over["llama-cpp-python"]
    monkeypatch.setenv("RUNG_LLAMA", "llama-cpp-python")
    monkeypatch.setattr(llama_packages, "choose", chosen)
    with pytest.raises(EngineError, match="llama-cpp-python"):
        llama_packages.library()


def test_the_package_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_LLAMA", "xllamacpp")
    assert installed() == ["xllamacpp"]
    monkeypatch.setenv("RUNG_LLAMA", "ollama")
    with pytest.raises(ConfigError, match="ollama"):
        installed()


def test_a_library_that_is_dropped_leaves_the_log_to_the_one_in_use(tmp_path: Path) -> None:
    """Both are the same shared object, which must never call a function that was freed."""
    (file,) = llama_packages._folder("xllamacpp").glob("xllamacpp*.so")  # type: ignore[union-attr]
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and nothing else")
    kept = Library("kept", file, llama_packages._WHEEL_PLACES)
    Library("dropped", file, llama_packages._WHEEL_PLACES)
    gc.collect()
    kept.errors.clear()
    assert not kept.llama_model_load_from_file(str(broken).encode(), kept.model_params())
    assert kept.errors
