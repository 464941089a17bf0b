"""`rung pack NAME`: the route in service as one file that runs elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.out import AsJson, print_json, say

Bundled = Annotated[
    Path | None, typer.Option("--bundle", help="A file of rung pack instead of tasks here.")
]
Trusted = Annotated[
    Path | None, typer.Option("--trust", help="Public key (PEM) that must have signed the bundle.")
]


def pack(
    name: Annotated[str, typer.Argument(help="Task.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="By default NAME.rung.")] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", help="Private Ed25519 key (PEM) to sign with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pack the promoted route, its form, rules, calibration, adapter and receipt into one file."""
    from rung.flow.pack import pack as run

    packed = run(name, out or Path(f"{name}.rung"), sign)
    if as_json:
        print_json(packed.to_json())
        return
    print(packed.path)
    size = packed.path.stat().st_size
    say(
        f"route {packed.route}, {size / 2**20:.1f} MB, {packed.digest[:12]},"
        f" {'signed' if sign else 'not signed'}; models it asks: {', '.join(packed.models) or '-'}"
    )
    if packed.num_examples:
        say(f"{packed.num_examples} train examples are in it, because the route shows them")
    say(f'next: rung ask --bundle {packed.path} "…"')
