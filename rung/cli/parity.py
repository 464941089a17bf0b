"""`rung parity ADAPTER`: does an adapter serve as it trained?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.options import MOST, AsJson, whole
from rung.cli.out import EXIT, console, print_json, say

if TYPE_CHECKING:
    from rung.flow.parity import Checked


def parity(
    adapter: Annotated[str, typer.Argument(help="A folder saved by PEFT, or an adapter's name.")],
    model: Annotated[
        str, typer.Option("--model", help="Base model; by default the one it was trained on.")
    ] = "",
    task: Annotated[str, typer.Option("--task", help="Compare on dev examples of this task.")] = "",
    merged: Annotated[
        bool,
        typer.Option(
            "--merged/--no-merged", help="Also measure the merged and requantised models."
        ),
    ] = True,
    limit: Annotated[int, whole("--limit", 0, MOST, "Dev examples to compare on; 0: 16.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare trainer and server: tokens, logits, merged and requantised weights.

    Exit code 4 when it does not serve as it trained. A passed report is what promotion asks for.
    """
    from rung.flow.parity import check

    checked = check(adapter, model=model, task=task, limit=limit, merged=merged)
    if as_json:
        print_json(checked.to_json())
    else:
        _show(checked)
    if not checked.parity.passed:
        raise typer.Exit(EXIT["reject"])


def _show(checked: Checked) -> None:
    from rich.table import Table

    found = checked.parity
    print(f"adapter {checked.adapter} on {checked.model}")
    table = Table("arm", "KL a token", "95 %", "likeliest token differs", "strict lost/gained")
    for arm in found.differences:
        low, high = arm.kl_ci
        table.add_row(
            arm.arm,
            f"{arm.kl:.2g}",
            f"[{low:.2g}, {high:.2g}]",
            f"{arm.num_flips} of {arm.num_tokens}",
            f"{arm.num_lost}/{arm.num_gained} of {arm.num_probes}",
        )
    console().print(table)
    print(
        f"KL in nats against the trainer; served may reach {found.allowed_kl:.2g} (noise without"
        f" the adapter {found.noise_kl:.2g}, effect of the adapter {found.effect_kl:.2g})"
    )
    if (whole := checked.outputs) is not None:
        low, high = whole.strict_diff_ci
        print(
            f"answers to {whole.num_examples} dev examples: {whole.num_differ} differ, strictly"
            f" right {whole.strict_diff:+.3f} [{low:+.3f}, {high:+.3f}]"
        )
    for wrong in found.mismatches:
        print(f"{wrong.stage}: {wrong.cause}: {wrong.detail}")
    print(f"verdict  {found.verdict}")
    if not found.num_recorded:
        say("template and end token not checked: no conversation is known of these probes")
