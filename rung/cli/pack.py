"""`rung pack NAME`: the route in service as one file that runs elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.options import MOST, AsJson, TaskName, whole
from rung.cli.out import print_json, say
from rung.core.errors import ConfigError

if TYPE_CHECKING:
    from rung.registry.pack import Packed

Bundled = Annotated[
    Path | None,
    typer.Option(
        "--bundle", help="Use the task in this file, made by `rung pack`, instead of those here."
    ),
]
Trusted = Annotated[
    Path | None, typer.Option("--trust", help="Public key (PEM) that must have signed the bundle.")
]
RunCode = Annotated[
    bool,
    typer.Option(
        "--run-code",
        help="Run the code that the bundle brings: its world.py, or the command of its mcp.toml."
        " Both have all your rights on this machine.",
    ),
]


def pack(
    name: TaskName,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="By default NAME.rung.")] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", help="Private Ed25519 key (PEM) to sign with.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--with", help="A file of the task's folder that its own world needs too."),
    ] = None,
    examples: Annotated[
        int | None,
        whole(
            "--examples",
            0,
            MOST,
            "Train examples of a simulated world, to be asked elsewhere; 5 by default.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pack the promoted route, its form, rules, calibration, adapter and receipt into one file.

    A world goes along: of a bundled one its data and a few train examples, your own as code.
    """
    from rung.flow.pack import pack as run
    from rung.registry.pack import NUM_ASKABLE

    target = out or Path(f"{name}.rung")
    num_askable = NUM_ASKABLE if examples is None else examples
    packed = run(name, target, sign, also=also or (), num_askable=num_askable)
    if as_json:
        print_json(packed.to_json())
        return
    print(packed.path)
    size = packed.path.stat().st_size
    say(
        f"route {packed.route}, {size / 2**20:.1f} MB, {packed.digest[:12]},"
        f" {'signed' if sign else 'not signed'}; models it asks: {', '.join(packed.models) or '-'}"
    )
    _say_rest(packed)


def move_in_if_named(bundle: Path | None, trust: Path | None, run_code: bool) -> str:
    """Let this process live in the home of a bundle, if one is named; return its task, else "".

    Raises ConfigError for what is said of a bundle where none is named.
    """
    if bundle is not None:
        from rung.registry.bundle_home import move_in

        return move_in(bundle, trust, run_code=run_code)
    if trust is not None or run_code:
        flag = f"--trust {trust}" if trust is not None else "--run-code"
        raise ConfigError(
            f"{flag} is said of a bundle, and none is named",
            hint=f"add --bundle FILE.rung, or leave out {flag}",
        )
    return ""


def _say_rest(packed: Packed) -> None:
    from rung.worlds.open import SIMULATED

    simulated = packed.world in SIMULATED
    if packed.num_examples:
        why = "its world can be asked for them" if simulated else "the route shows them"
        say(f"{packed.num_examples} train examples are in it, because {why}")
    if packed.code:
        say(f"it brings code, which runs elsewhere with --run-code only: {', '.join(packed.code)}")
    if simulated and not packed.num_examples:
        say("it can be asked nothing: a simulated world knows its own examples only, and none went")
        return
    what = "--example 1" if simulated else '"…"'
    flag = " --run-code" if packed.code else ""
    say(f"next: rung ask --bundle {packed.path}{flag} {what}")
