"""`rung keys create|list|revoke`: who may use the gateway."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rung.cli.options import MOST, AsJson, number, whole
from rung.cli.out import print_json, say
from rung.core.errors import ConfigError

app = typer.Typer(help="Make, list and revoke keys of the gateway.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call the key.")],
    tenant: Annotated[
        str, typer.Option("--tenant", help="Tenant its calls belong to; by default the name.")
    ] = "",
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            help="Model or task/NAME it may ask, repeatable; a final * matches any ending.",
        ),
    ] = None,
    budget_usd: Annotated[
        float | None, number("--budget-usd", 0, MOST, "Most it may spend in a calendar month.")
    ] = None,
    per_minute: Annotated[
        int, whole("--per-minute", 0, MOST, "Requests a minute; 0 for no limit.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it; it is kept nowhere and cannot be shown again."""
    from rung.store import Store
    from rung.store.keys import KeyLog

    if not name.strip():
        raise ConfigError("a key needs a name: an empty one is that of requests without a key")
    if not all(scope.strip() for scope in allow or ["*"]):
        raise ConfigError("--allow is empty, so it matches no model", hint="leave it out for all")
    with closing(Store()) as store:
        key, text = KeyLog(store).create(
            name,
            tenant=tenant,
            scopes=tuple(allow or ["*"]),
            budget_usd=budget_usd,
            requests_per_minute=per_minute,
        )
    if as_json:
        print_json(_shown(key) | {"key": text})
    else:
        print(text)
        say(f"{key.id}; shown this once. From now on the gateway asks for a key.")


@app.command(name="list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, without their text."""
    from rung.core.clock import now_utc
    from rung.store import Store
    from rung.store.keys import KeyLog

    with closing(Store()) as store:
        log = KeyLog(store)
        spent = log.spent_usd(now_utc()[:7])
        for key in log.list():
            row = _shown(key) | {"spent_usd": spent.get(key.id, 0.0)}
            if as_json:
                print_json(row)
                continue
            budget = "no budget" if key.budget_usd is None else f"of ${key.budget_usd:g}"
            state = f"revoked {key.revoked}" if key.revoked else " ".join(key.scopes)
            print(f"{key.id}  {key.name:<16} ${row['spent_usd']:.4f} {budget}  {state}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Id, or name of the one key of that name.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key; a running gateway refuses it within a second."""
    from rung.store import Store
    from rung.store.keys import KeyLog

    with closing(Store()) as store:
        revoked = KeyLog(store).revoke(key)
    if as_json:
        print_json({"id": revoked.id, "name": revoked.name})
    else:
        say(f"{revoked.name} ({revoked.id}) is revoked")


def _shown(key: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(key).items() if name != "digest"}
