"""`rung traces list|show|export`: what was captured."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rung.cli.options import MOST, AsJson, whole
from rung.cli.out import console, print_json, say

app = typer.Typer(help="List, show and export captured calls.", no_args_is_help=True)

Task = Annotated[str, typer.Option("--task", help="Only of this task.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant.")]
Since = Annotated[
    str,
    typer.Option(
        "--since", help="From this time on (2026-11-26T10:30); UTC unless it says an offset."
    ),
]
Most = Annotated[int, whole("--limit", 0, MOST, "At most this many calls; 0: all.")]


@app.command(name="list")
def list_calls(
    task: Task = "",
    tenant: Tenant = None,
    since: Since = "",
    limit: Most = 50,
    as_json: AsJson = False,
) -> None:
    """List calls, oldest first, without their texts."""
    from rung.flow.traces import Filter, captured
    from rung.report.format import plain

    number = 0
    for call in captured(Filter(task=task, tenant=tenant, since=since, limit=limit)):
        number += 1
        if as_json:
            texts = ("request", "response")
            print_json({k: v for k, v in asdict(call).items() if k not in texts})
        else:
            tokens = f"{call.prompt_tokens}+{call.cached_tokens} in, {call.output_tokens} out"
            model = plain(call.model)
            print(
                f"{call.id}  {call.created}  {model:<20} {call.status} {call.outcome:<9} "
                f"{call.latency_ms:7.0f} ms  {tokens}"
            )
    say(f"{number} calls" + (f", the first {limit}: --limit 0 for all" if number == limit else ""))


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of a call or a conversation.")],
    as_json: AsJson = False,
) -> None:
    """Show the trace of a call or a conversation: its calls, tool events, feedback."""
    from rung.flow.traces import find_trace

    trace = find_trace(id_)
    if as_json:
        print_json(trace)
        return
    for call in trace["calls"]:
        print(f"{call['id']}  {call['created']}  {call['model']}  {call['status']}")
        _block("request", call["request"])
        _block("response", call["response"])
        for feedback in call["feedback"]:
            _block("feedback", json.dumps(feedback, ensure_ascii=False))
    for event in trace["tool_events"]:
        _block(f"tool {event['name']}", json.dumps(event, ensure_ascii=False))


@app.command()
def export(
    task: Task = "",
    tenant: Tenant = None,
    since: Since = "",
    limit: Most = 0,
    as_json: AsJson = False,
) -> None:
    """Print answered calls as chat JSONL, which `rung init NAME --from FILE` reads.

    Corrections take the place of answers; answers that were not accepted are left out.
    """
    from rung.flow.traces import Filter, exported

    number = 0
    for row in exported(Filter(task=task, tenant=tenant, since=since, limit=limit)):
        print_json(row)
        number += 1
    say(f"{number} rows" + ("" if number else "; was anything captured? rung traces list"))


@app.command(name="query")
def query_calls(
    sql: Annotated[str, typer.Argument(help="One statement over the table calls.")],
    task: Task = "",
    tenant: Tenant = None,
    since: Since = "",
    texts: Annotated[
        bool, typer.Option("--texts", help="Requests and responses are columns too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask captured calls in SQL: 'SELECT task, avg(cost_usd) FROM calls GROUP BY 1'."""
    from rich.table import Table
    from rich.text import Text

    from rung.flow.traces import Filter, queried
    from rung.report.format import plain

    found = queried(Filter(task=task, tenant=tenant, since=since), sql, texts=texts)
    if as_json:
        for row in found.rows:
            print_json(dict(zip(found.columns, map(_plain, row), strict=True)))
        return
    table = Table(box=None)
    for name in found.columns:
        table.add_column(Text(name))
    for row in found.rows:
        # not markup: a redacted text says [mail]
        table.add_row(*(Text("" if value is None else plain(str(value))) for value in row))
    console().print(table)
    say(f"{len(found.rows)} rows")


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it: times as text, null where a number is not finite."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def _block(title: str, text: Any) -> None:
    print(f"  {title}: {text}")
