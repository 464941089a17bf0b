"""`rung models` and `rung models pull NAME`: what is here, what can be had."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rung.cli.options import AsJson
from rung.cli.out import print_json, say

app = typer.Typer(help="List models, or pull one.", invoke_without_command=True)


@app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List models found and models that can be pulled."""
    if context.invoked_subcommand is not None:
        return
    from rung.engines.models import available, installed

    here = installed()
    paths = {file.path for file in here}
    for file in [*here, *(file for file in available() if file.path not in paths)]:
        row = {
            "name": file.name,
            "path": str(file.path) if file.path in paths else None,
            "params": file.params,
            "quant": file.quant,
            "source": str(file.sources[0]) if file.sources else "your own file",
            "license": file.license,
            "size_bytes": file.size_bytes or None,
        }
        if as_json:
            print_json(row)
        else:
            size = f"{file.size_bytes / 1e6:.0f} MB" if file.size_bytes else ""
            where = row["path"] or f"rung models pull {file.name}"
            print(
                f"{file.name:<22} {file.params:<6} {file.quant:<8} {size:>8}  "
                f"{file.license:<12} {where}"
            )


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="Model name, or hf:org/repo/file.gguf.")],
    force: Annotated[bool, typer.Option("--force", help="Download again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch a model into RUNG_HOME, checking its size and SHA-256."""
    from rung.engines.models import pull as pull_model

    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty():
            of = f" of {total / 1e6:.0f}" if total else ""
            print(f"\r{name}: {done / 1e6:.0f}{of} MB ", end="", file=sys.stderr)

    file = pull_model(name, progress=tell, force=force)
    if as_json:
        print_json({"name": file.name, "path": str(file.path), "size_bytes": file.size_bytes})
    else:
        say("")
        print(file.path)
