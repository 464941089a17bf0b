"""`rung memory NAME OWNER`: what an agent remembers of a person, and forgetting it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from rung.cli.out import AsJson, print_json, say


def memory(
    name: Annotated[str, typer.Argument(help="Task.")],
    owner: Annotated[str, typer.Argument(help="The person, as named when asked.")],
    forget: Annotated[bool, typer.Option("--forget", help="Delete all of it.")] = False,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose key they were asked with.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print what is remembered of a person, with where they said it; or forget it."""
    from rung.flow.memory import forget_owner, remembered

    if forget:
        number = forget_owner(name, owner, tenant=tenant)
        if as_json:
            print_json({"forgotten": number})
        else:
            print(f"forgot {number} facts of {owner} in {name}")
        return
    facts = remembered(name, owner, tenant=tenant)
    for one in facts:
        if as_json:
            print_json(asdict(one.fact) | {"state": one.state})
        else:
            fact = one.fact
            print(
                f"{fact.created}  {one.state:<10} {fact.subject}'s {fact.attribute}: {fact.value}"
                f"   said: {fact.quote!r}"
            )
    if not facts:
        say(f"nothing is remembered of {owner} in {name}")
