"""`rung serve`: the gateway."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from rung.cli.options import AsJson, number, whole
from rung.cli.out import print_json, say
from rung.cli.pack import Bundled, RunCode, Trusted, move_in_if_named
from rung.core.errors import ConfigError


def serve(
    port: Annotated[int, whole("--port", 0, 65_535, "Port of the API; 0 takes a free one.")] = 8080,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on; other machines are let in only once there are keys.",
        ),
    ] = ("127.0.0.1"),
    admin_port: Annotated[
        int, whole("--admin-port", 0, 65_535, "Port of metrics and modes, on this machine only.")
    ] = 8081,
    drain_s: Annotated[
        float,
        number("--drain", 0, 86_400, "Seconds that running requests get to end when stopped."),
    ] = 30.0,
    log: Annotated[str, typer.Option("--log", help="error, warning or info (every call).")] = (
        "warning"
    ),
    bundle: Bundled = None,
    trust: Trusted = None,
    run_code: RunCode = False,
    as_json: AsJson = False,
) -> None:
    """Serve tasks by their promoted routes and pass other models on, capturing every call."""
    # not through `flow`, which loads every stage: a gateway may only ever pass requests on
    from rung.gateway.logs import LEVELS, log_to_stderr
    from rung.gateway.serve import Listen
    from rung.gateway.serve import serve as run_gateway
    from rung.gateway.settings import read_settings

    def ready(listening: Any) -> None:
        if as_json:
            print_json({"url": listening.url, "admin_url": listening.admin_url})
        else:
            print(f"{listening.url}/v1")
        sys.stdout.flush()
        say(f"metrics and modes: {listening.admin_url}; stop with Ctrl-C")

    if log not in LEVELS:
        raise ConfigError(f"--log is {log!r}", hint=f"use one of {', '.join(LEVELS)}")
    move_in_if_named(bundle, trust, run_code)
    log_to_stderr(log)
    listen = Listen(host=host, port=port, admin_port=admin_port, drain_s=drain_s)
    run_gateway(read_settings(), listen, ready=ready)
