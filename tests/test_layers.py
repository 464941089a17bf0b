"""The folder order of docs/architecture.md is the import order; some imports have one home."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1] / "rung"
ORDER = (
    "core", "stats", "store", "engines", "forms", "traces", "tasks", "worlds", "agents", "routes",
    "train", "ladder", "gate", "registry", "repair", "gateway", "report", "flow", "cli",
)  # fmt: skip
HOMES = {
    "torch": ("engines", "train"),
    "peft": ("engines", "train"),
    "trl": (),
    "starlette": (),
    "uvicorn": ("gateway",),
    "uvloop": ("gateway",),
    "httptools": ("gateway",),
    "prometheus_client": ("gateway",),
    "msgspec": ("gateway", "traces"),
    "sqlalchemy": ("store",),
    "aiohttp": ("engines",),
    "xllamacpp": (),
    "llguidance": ("engines", "forms"),
    "mcp": ("worlds",),
    "pickle": (),
    "cryptography": ("registry",),
}


@cache
def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def stage_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0] if path.parent != ROOT else ""


@cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_folder_has_a_place() -> None:
    folders = {p.parent.name for p in ROOT.glob("*/__init__.py")}
    assert folders == set(ORDER)


def test_imports_point_up() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        if (stage := stage_of(path))
        for name in imported(path)
        if name.startswith("rung.") and name.split(".")[1] in ORDER[ORDER.index(stage) + 1 :]
    ]
    assert not strays


def test_heavy_and_unsafe_imports_stay_at_home() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name in {full.split(".")[0] for full in imported(path)}
        if name in HOMES and stage_of(path) not in HOMES[name]
    ]
    assert not strays


def test_outside_of_training_torch_has_one_home() -> None:
    users = {path for path in modules() if "torch" in set(imported(path))}
    homeless = {path.name for path in users if stage_of(path) != "train"}
    assert homeless == {"transformers_model.py"}


def test_only_the_gate_opens_the_holdout() -> None:
    users = {stage_of(path) for path in modules() if "rung.tasks.holdout" in set(imported(path))}
    assert users == {"gate"}


def test_only_core_config_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    assert set(readers) == {"core/config.py"}


def test_the_command_line_starts_light() -> None:
    heavy = [
        "numpy",
        "scipy",
        "sklearn",
        "sqlalchemy",
        "alembic",
        "aiohttp",
        "uvicorn",
        "msgspec",
        "jinja2",
        "pydantic",
        "jsonschema",
        "rich",
    ]
    code = f"import sys, rung, rung.cli.app; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_stay_readable() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path in modules()
        if (count := len(path.read_text("utf-8").splitlines())) > 400
    ]
    assert not long


def test_every_module_says_what_it_owns() -> None:
    silent = [path.relative_to(ROOT) for path in modules() if not ast.get_docstring(tree(path))]
    assert not silent
