"""Schemas from files to forms, and what becomes of instances and texts with them.

One schema, or a stream of them; a schema that cannot be a form is a row that says why. Nothing is
kept.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rung.core.errors import EngineError, FormError, reason_of
from rung.engines.base import Engine
from rung.engines.open import open_engine
from rung.forms import Filled, Filling, Form, compile_form, fill
from rung.forms.express import inexpressible
from rung.forms.form import instance_path
from rung.forms.validity import violations
from rung.routes.prompt import build_messages

INSTRUCTION = "Fill in the fields for the text."
_SEVERAL_TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSchema:
    """One schema of a file."""

    id: str
    schema: Any


def read_schemas(path: Path) -> Iterator[NamedSchema]:
    """Yield the schema of a JSON file, or those of a JSONL file of `{"id", "schema"}` lines."""
    if not _is_lines(path):
        yield NamedSchema(id="", schema=_read_json(path))
        return
    for number, row in _read_lines(path):
        if not isinstance(row, dict) or "schema" not in row:
            raise FormError(
                f"reading {path}, line {number}: no 'schema'",
                hint='one {"id": …, "schema": …} a line',
            )
        yield NamedSchema(id=str(row.get("id", number)), schema=row["schema"])


def read_instances(path: Path) -> list[Any]:
    """Return the instances of a JSONL file, one a line, or the one of a JSON file."""
    if _is_lines(path):
        return [row for _, row in _read_lines(path)]
    return [_read_json(path)]


def check_instance(form: Form | None, schema: Any, instance: Any) -> dict[str, Any]:
    """Return whether an instance is valid, and whether the form could have written it."""
    problems = violations(instance, schema)
    reason = f"{instance_path(problems[0].path) or '$'}: {problems[0].message}" if problems else ""
    if not problems and form is None:
        reason = "the schema has no form"
    elif not problems and form is not None:
        reason = inexpressible(form.root, instance)
    return {
        "status": "failed" if reason else "ok",
        "valid": not problems,
        "output": instance,
        "reason": reason,
    }


def fill_text(
    form: Form, text: str, model: str, *, num_samples: int = 1, how: Filling
) -> Iterator[dict[str, Any]]:
    """Fill a form from a text `num_samples` times; the first is greedy if it is the only one."""
    engine: Engine | None = None
    try:
        for sample in range(num_samples):
            seed = how.seed + sample
            if engine is None or model.startswith("fake:"):
                name = f"{model}:{seed}" if model == "fake:random" else model
                engine = open_engine(name)
            warmth = _SEVERAL_TEMPERATURE if num_samples > 1 else how.temperature
            yield _fill_once(form, engine, text, replace(how, seed=seed, temperature=warmth))
    finally:
        if engine is not None:
            engine.close()


def _fill_once(form: Form, engine: Engine, text: str, how: Filling) -> dict[str, Any]:
    messages = build_messages(INSTRUCTION, form, text)
    try:
        filled = fill(form, engine, messages, how, source=text)
    except EngineError as error:
        if not error.of_input:
            raise
        filled = Filled(output=None, status="failed", reason=str(error))
    done = filled.status in ("ok", "repaired")
    return {
        "status": filled.status,
        "valid": done and not violations(filled.output, form.schema),
        "output": filled.output,
        "reason": filled.reason,
        "fields": {
            path: {"p": d.p, "margin": d.margin, "runner_up": d.runner_up}
            for path, d in filled.decisions.items()
        },
        "usage": asdict(filled.usage),
        "effort": asdict(filled.effort),
        "latency_ms": filled.latency_ms,
    }


def form_of(schema: Any, style: Any) -> tuple[Form | None, list[dict[str, str]]]:
    """Return the form of a schema, or why it has none."""
    try:
        return compile_form(schema, style=style), []
    except FormError as error:
        row = {"path": error.path or "$", "keyword": error.keyword, "reason": str(error)}
        return None, [row]


def _is_lines(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise FormError(f"reading {path}: {reason_of(error)}", hint="give a JSON file") from None


def _read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    lines = [
        (number, line) for number, line in enumerate(_read(path).split("\n"), 1) if line.strip()
    ]
    if not lines:
        raise FormError(f"reading {path}: it is empty", hint="one JSON value a line")
    for number, line in lines:
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FormError(
                f"reading {path}, line {number}: {error}", hint="one JSON value a line"
            ) from None


def _read(path: Path) -> str:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FormError(f"reading {path}: {reason_of(error)}", hint="give a JSON file") from None
