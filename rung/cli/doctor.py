"""`rung doctor`: what works on this machine, and what to install for the rest."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rung.cli.out import AsJson, print_json


def doctor(as_json: AsJson = False) -> None:
    """Check home, engine, default model and the extras local and test; say what to install."""
    checks = [_python(), _home(), _engine(), _model(), *_extras()]
    if as_json:
        print_json({"ok": all(c["ok"] or c["optional"] for c in checks), "checks": checks})
        return
    for check in checks:
        mark = "ok     " if check["ok"] else "missing"
        fix = "" if check["ok"] else f"   -> {check['fix']}"
        print(f"{mark}  {check['name']:<12} {check['found']}{fix}")


def _check(
    name: str, ok: bool, found: str, fix: str = "", optional: bool = False
) -> dict[str, Any]:
    return {"name": name, "ok": ok, "found": found, "fix": fix, "optional": optional}


def _python() -> dict[str, Any]:
    found = f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"
    return _check("python", True, found)


def _home() -> dict[str, Any]:
    from rung.core import config

    folder = config.home()
    parent = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(parent).free / 1e9
    writable = os.access(parent, os.W_OK)
    return _check("home", writable, f"{folder}, {free:.0f} GB free", "export RUNG_HOME=FOLDER")


def _engine() -> dict[str, Any]:
    from rung.engines.llama_packages import choose, describe

    library, passed_over = choose()
    found = [describe(library)] if library else []
    found += [f"not used: {reason}" for reason in passed_over.values()]
    return _check("llama", library is not None, "; ".join(found), "pip install 'rung[local]'")


def _model() -> dict[str, Any]:
    from rung.engines.catalogue import DEFAULT_MODEL
    from rung.engines.models import resolve

    file = resolve(DEFAULT_MODEL)
    found = f"{file.name} {'here' if file.installed else 'not pulled yet (98 MB)'}"
    return _check("model", file.installed, found, f"rung models pull {DEFAULT_MODEL}", True)


def _extras() -> list[dict[str, Any]]:
    wanted = {"llguidance": "local", "pytest": "test"}
    return [
        _check(name, (found := _version(name)) != "", found, f"pip install 'rung[{extra}]'", True)
        for name, extra in wanted.items()
    ]


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""
