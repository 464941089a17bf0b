"""`rung form SCHEMA`: what a form forces, chooses and generates; check or fill one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rung.cli.out import AsJson, print_json, say
from rung.core.errors import FormError


def form(
    schema: Annotated[Path, typer.Argument(help="JSON Schema file.")],
    check: Annotated[
        Path | None, typer.Option("--check", help="Validate a JSON file against the form.")
    ] = None,
    text: Annotated[str, typer.Option("--fill", help="Fill the form from this text.")] = "",
    engine: Annotated[str, typer.Option("--engine", help="Model to fill it with.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show a schema's form; with --check validate an answer, with --fill let a model fill it."""
    from rung.forms import compile_form, violation

    compiled = compile_form(_read(schema))
    if check is not None:
        problem = violation(_read(check), compiled)
        print_json({"valid": not problem, "reason": problem}) if as_json else print(
            problem or "valid"
        )
        raise typer.Exit(1 if problem else 0)
    if text:
        _fill(compiled, text, engine, as_json)
        return
    rows = [_describe(slot) for slot in compiled.slots()]
    if as_json:
        print_json({"hash": compiled.hash, "slots": rows})
        return
    for row in rows:
        print(f"{row['path']:<28} {row['how']:<9} {row['what']}")


def _describe(slot: Any) -> dict[str, Any]:
    from rung.forms import Choice

    if isinstance(slot, Choice):
        return {"path": slot.path, "how": "choose", "what": json.dumps(list(slot.values))}
    return {"path": slot.path, "how": "generate", "what": slot.hint}


def _fill(compiled: Any, text: str, model: str, as_json: bool) -> None:
    from rung.engines.catalogue import DEFAULT_MODEL
    from rung.engines.open import open_engine
    from rung.forms import fill
    from rung.routes.prompt import build_messages

    engine = open_engine(model or DEFAULT_MODEL)
    messages = build_messages("Fill in the fields for the text.", compiled, text)
    filled = fill(compiled, engine, messages)
    engine.close()
    if as_json:
        print_json({"output": filled.output, "status": filled.status, "reason": filled.reason})
    else:
        print(json.dumps(filled.output, ensure_ascii=False, indent=1))
        say(
            f"{filled.status}: {filled.usage.output_tokens} tokens generated, "
            f"{filled.usage.forced_tokens} forced, {filled.latency_ms:.0f} ms {filled.reason}"
        )
    if filled.status == "failed":
        raise typer.Exit(1)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FormError(f"reading {path}: {error}", hint="give a JSON file") from None
