"""`rung form SCHEMA`: what a form forces, chooses and generates; check instances, fill one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rung.cli.options import AsJson, Seed, whole
from rung.cli.out import print_json, say


def form(
    schema: Annotated[
        Path, typer.Argument(help='JSON Schema file, or JSONL with {"id", "schema"} lines.')
    ],
    check: Annotated[
        Path | None,
        typer.Option(
            "--check", help="Judge each instance in this file (JSONL, or one JSON value)."
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--fill", help="Fill the form from this text.")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="Model to fill it with; fake:random emits random bytes.")
    ] = "",
    num: Annotated[int, whole("--n", 1, 10_000, "How often to fill it.")] = 1,
    seed: Seed = 0,
    style: Annotated[
        str, typer.Option("--style", help="Layout: json, indented or lines.")
    ] = "json",
    parallel: Annotated[
        bool, typer.Option("--parallel", help="Fill scalar slots side by side.")
    ] = False,
    retries: Annotated[
        int, whole("--retries", 0, 20, "Draws that may follow one that breaks the schema.")
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Show a schema's form; with --check judge instances, with --fill let a model fill it."""
    from rung.engines.catalogue import DEFAULT_MODEL
    from rung.flow.forms import form_of, read_instances, read_schemas
    from rung.forms import Filling

    _check_style(style)
    instances = read_instances(check) if check is not None else []
    how = Filling(seed=seed, parallel=parallel, retries=retries)
    num_failed = 0
    for named in read_schemas(schema):
        compiled, unsupported = form_of(named.schema, style)
        results = _results(
            compiled, named.schema, instances, text, engine or DEFAULT_MODEL, num, how
        )
        num_failed += sum(row["status"] not in ("ok", "repaired") for row in results)
        num_failed += compiled is None and text is not None
        if as_json:
            print_json(_row(named.id, compiled, unsupported, results))
        else:
            _show(named.id, compiled, unsupported, results, engine)
        if unsupported and not named.id:
            raise typer.Exit(2)
    if num_failed:
        raise typer.Exit(1)


def _check_style(style: str) -> None:
    from rung.core.errors import ConfigError
    from rung.core.spelling import did_you_mean

    styles = ("json", "indented", "lines")
    if style not in styles:
        raise ConfigError(f"there is no style {style!r}", hint=did_you_mean(style, styles))


def _results(
    compiled: Any,
    schema: Any,
    instances: list[Any],
    text: str | None,
    model: str,
    num: int,
    how: Any,
) -> list[dict[str, Any]]:
    from rung.flow.forms import check_instance, fill_text

    checked = [check_instance(compiled, schema, instance) for instance in instances]
    if text is None or compiled is None:
        return checked
    return checked + list(fill_text(compiled, text, model, num_samples=num, how=how))


def _row(
    id_: str, compiled: Any, unsupported: list[dict[str, str]], results: list[dict[str, Any]]
) -> dict[str, Any]:
    from rung.forms.plan import to_json

    named = {"id": id_} if id_ else {}
    plan = to_json(compiled) if compiled is not None else None
    return {**named, "form": plan, "unsupported": unsupported, "results": results}


def _show(
    id_: str,
    compiled: Any,
    unsupported: list[dict[str, str]],
    results: list[dict[str, Any]],
    engine: str,
) -> None:
    from rung.core.errors import FormError

    if unsupported and not id_:
        raise FormError(unsupported[0]["reason"])
    if id_:
        state = f"no form: {unsupported[0]['reason']}" if unsupported else "form"
        print(f"{id_}: {state}")
    if compiled is not None and not results and not id_:
        _show_plan(compiled, engine)
    for row in results:
        _show_result(row)


def _show_plan(compiled: Any, engine: str) -> None:
    from rung.engines.open import open_engine
    from rung.forms.plan import estimate, lint, outline, rough_tokens, skeleton

    print(skeleton(compiled) + "\n")
    for line in outline(compiled):
        print(f"{line.path:<28} {line.how:<9} {line.what}")
    for note in compiled.checked:
        print(f"{note.path:<28} check     {note.keyword}")
    count, model = rough_tokens, None
    if engine:
        model = open_engine(engine)
        count = getattr(model, "count_tokens", rough_tokens)
    found = estimate(compiled, count)
    if model is not None:
        model.close()
    say(
        f"about {found.output_tokens} tokens generated in {found.passes} passes (at least "
        f"{found.min_passes}), {found.forced_tokens} forced"
        + ("" if engine else "; --engine MODEL counts its own tokens")
    )
    for note in lint(compiled):
        say(f"warning: {note.path}: {note.reason}")


def _show_result(row: dict[str, Any]) -> None:
    if "usage" not in row:
        print("valid" if row["status"] == "ok" else f"failed: {row['reason']}")
        return
    print(json.dumps(row["output"], ensure_ascii=False, indent=1))
    usage, effort = row["usage"], row["effort"]
    say(
        f"{row['status']}: {usage['output_tokens']} tokens generated, {usage['forced_tokens']} "
        f"forced, {effort['passes']} passes, {row['latency_ms']:.0f} ms {row['reason']}".rstrip()
    )
