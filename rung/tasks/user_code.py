"""Python files of a task folder: checked, loaded, and their mistakes named by file and line.

`scorer.py` and `world.py` are loaded here. A file runs in this process with all its rights: it is
the owner's code, not a sandboxed plugin. An edit is seen at the next load.
"""

from __future__ import annotations

import sys
import traceback
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from rung.core.errors import RungError, TaskError
from rung.core.hashing import short_hash


def check_source(path: Path, name: str, *, hint: str) -> None:
    """Raise TaskError when the file is not Python or never names `name`; nothing is run."""
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError, OSError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise TaskError(f"reading {path}{line}: {error.args[0]}") from None
    if name not in code.co_names:
        raise TaskError(f"reading {path}: no {name}", hint=hint)


def load_name(path: Path, name: str, *, what: str, hint: str) -> Any:
    """Run the file, once as long as it is not edited, and return what it calls `name`.

    `what` is the file's role in an error ("scorer"). Raises TaskError.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise TaskError(f"loading the {what}: no file {path}", hint=hint) from error
    module = _load(path, what, stat.st_mtime_ns, stat.st_size)
    if not hasattr(module, name):
        raise TaskError(f"loading {path}: no {name}", hint=hint)
    return getattr(module, name)


def failed(path: Path, doing: str, error: BaseException) -> TaskError:
    """Return the error to raise for what a file raised, with the last line of it that ran."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    if isinstance(error, RungError):
        return TaskError(f"{where}: {error.message}", hint=error.hint)
    return TaskError(f"{where}: {doing} raised {type(error).__name__}: {error}")


class _Loader(SourceFileLoader):
    """Compiles the source each time, so that an edit is never hidden by cached bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


@lru_cache(maxsize=32)
def _load(path: Path, what: str, _mtime_ns: int, _size: int) -> ModuleType:
    name = f"rung_task_{what}_{short_hash(str(path))}"
    spec = spec_from_loader(name, _Loader(name, str(path)))
    if spec is None or spec.loader is None:
        raise TaskError(f"loading {path}: not a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise failed(path, f"loading the {what}", error) from error
    return module
