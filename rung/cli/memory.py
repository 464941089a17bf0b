"""`rung memory NAME [OWNER]`: what an agent remembers of people, and forgetting it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from rung.cli.options import AsJson, whole
from rung.cli.out import print_json, say
from rung.core.errors import ConfigError


def memory(
    name: Annotated[str, typer.Argument(help="Task, or `all`.")],
    owner: Annotated[
        str, typer.Argument(help="The person, as named when asked; without, who is remembered.")
    ] = "",
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete all that is remembered of this person.")
    ] = False,
    older_than: Annotated[
        int,
        whole(
            "--older-than",
            0,
            36_500,
            "With --forget: delete only what is older, of anybody if no person is named.",
            metavar="DAYS",
        ),
    ] = 0,
    tenant: Annotated[
        str, typer.Option("--tenant", help="Tenant of the key that their requests came with.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print what is remembered of a person, with where they said it, or of whom anything is; or
    forget it."""
    if tenant and not owner:
        raise ConfigError("--tenant goes with a person", hint=f"rung memory {name} OWNER --tenant")
    if older_than and not forget:
        raise ConfigError("--older-than goes with --forget", hint="leave it out to read")
    if forget:
        _forget(name, owner, tenant, older_than, as_json=as_json)
    elif owner:
        _show(name, owner, tenant, as_json=as_json)
    else:
        _list(name, as_json=as_json)


def _forget(name: str, owner: str, tenant: str, older_than: int, *, as_json: bool) -> None:
    from rung.flow import memory

    number = memory.forget(name, owner=owner, tenant=tenant, older_than_days=older_than)
    if as_json:
        print_json({"forgotten": number})
        return
    age = f" older than {older_than} days" if older_than else ""
    print(f"forgot {number} facts{age} of {owner or 'everybody'} in {name}")


def _show(name: str, owner: str, tenant: str, *, as_json: bool) -> None:
    from rung.flow.memory import remembered

    facts = remembered(name, owner, tenant=tenant)
    for one in facts:
        if as_json:
            print_json({"task": one.task} | asdict(one.fact) | {"state": one.state})
        else:
            fact = one.fact
            print(
                f"{fact.created}  {one.state:<10} {fact.subject}'s {fact.attribute}: {fact.value}"
                f"   said: {fact.quote!r}   task: {one.task}"
            )
    if not facts:
        say(f"nothing is remembered of {owner} in {name}")


def _list(name: str, *, as_json: bool) -> None:
    from rung.flow.memory import EVERY_TASK, people

    found = people(name)
    for one in found:
        if as_json:
            print_json(asdict(one))
        else:
            tenant = f"   tenant: {one.tenant}" if one.tenant else ""
            facts = f"{one.num_facts} facts, {one.first} to {one.last}"
            print(f"{one.owner}   {facts}   task: {one.task}{tenant}")
    if not found:
        say(f"nobody is remembered in {'any task' if name == EVERY_TASK else name}")
