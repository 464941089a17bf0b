"""`rung doctor`: what works on this machine, and what to install for the rest."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rung.cli.options import AsJson
from rung.cli.out import print_json
from rung.core.errors import EngineError, reason_of

_OTHER_HOME = "export RUNG_HOME=FOLDER"


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
    try:
        parent = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(parent).free / 1e9
    except OSError as error:
        return _check("home", False, f"{folder}: {reason_of(error)}", _OTHER_HOME)
    if not parent.is_dir():
        return _check("home", False, f"{parent} is a file", _OTHER_HOME)
    return _check("home", os.access(parent, os.W_OK), f"{folder}, {free:.0f} GB free", _OTHER_HOME)


def _engine() -> dict[str, Any]:
    from rung.engines.llama_packages import choose, describe

    library, passed_over = choose()
    found = [describe(library)] if library else []
    found += [f"not used: {reason}" for reason in passed_over.values()]
    return _check("llama", library is not None, "; ".join(found), "pip install 'rung[local]'")


def _model() -> dict[str, Any]:
    from rung.engines.catalogue import DEFAULT_MODEL
    from rung.engines.models import locate, resolve

    file, mend = resolve(DEFAULT_MODEL), f"rung models pull {DEFAULT_MODEL}"
    if not file.installed:
        return _check("model", False, f"{file.name} not pulled yet (98 MB)", mend, True)
    try:
        locate(DEFAULT_MODEL)
    except EngineError as error:
        return _check("model", False, error.message, error.hint, True)
    return _check("model", True, f"{file.name} here", mend, True)


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
