"""A small office of our own invention, in the tables and the published format of WorkBench."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.tasks.task import Example
from rung.worlds.workbench.state import COLUMNS, DIRECTORY, FILES
from rung.worlds.world import Call

MARA, TOM, INES = "mara.vogel@acme.test", "tom.berg@acme.test", "ines.roth@acme.test"


def rows(table: str, *lines: Sequence[str | None]) -> list[dict[str, str | None]]:
    return [dict(zip(COLUMNS[table], line, strict=True)) for line in lines]


TABLES: dict[str, list[dict[str, str | None]]] = {
    "calendar": rows(
        "calendar",
        ("00000004", "Budget talk", TOM, "2023-11-28 10:00:00", "60"),
        ("00000001", "Kick-off", MARA, "2023-12-01 09:00:00", "60"),
        ("00000002", "Budget talk", TOM, "2023-12-01 10:00:00", "90"),
        ("00000003", "Budget talk", INES, "2023-12-04 13:30:00", "30"),
    ),
    "emails": rows(
        "emails",
        ("00000010", "inbox", TOM, "Ladder order", "2023-11-21 08:00:00", "Sam, two ladders?"),
        ("00000011", "inbox", TOM, "Paint", "2023-11-28 08:00:00", "Sam, which paint?"),
        ("00000012", "outbox", TOM, "Paint", "2023-11-28 09:00:00", "The red one."),
        ("00000013", "inbox", MARA, "Paint", "2023-11-29 08:00:00", "Sam, the blue one."),
    ),
    "tasks": rows(
        "tasks",
        ("00000020", "Fix the gate", TOM, "Backlog", "2023-11-27", "Back end"),
        ("00000021", "Draw a plan", TOM, "In Progress", "2023-12-05", "Design"),
        ("00000022", "Sand the door", MARA, "Completed", "2023-11-27", "Front end"),
    ),
    "customers": rows(
        "customers",
        ("00000030", TOM, "Ada Stone", "ada@stone.test", None, "2023-11-01", "Hardware", "Lead",
         "2023-12-20", None),
        ("00000031", MARA, "Bo Reed", "bo@reed.test", "555", "2023-11-29", "Software", "Won",
         "2023-12-22", "Had lunch."),
    ),
    "visits": rows(
        "visits",
        ("2023-11-27", "0001", "3", "10", "direct", "True"),
        ("2023-11-27", "0002", "1", "20", "referral", "False"),
        ("2023-11-28", "0003", "2", "30", "direct", "False"),
        ("2023-11-29", "0004", "2", "5", "direct", "True"),
        ("2023-11-29", "0005", "2", "6", "direct", "True"),
        ("2023-11-29", "0001", "2", "7", "search engine", "True"),
    ),
}  # fmt: skip


def call(tool: str, **arguments: Any) -> Call:
    return Call(tool=tool, arguments=arguments)


def example(
    query: str = "Do it.",
    answer: Sequence[Call] = (),
    *,
    domains: Sequence[str] = ("calendar", "email"),
    template: str = "email-t00",
    words: str = "",
) -> Example:
    """Return a query with its answer; `words` are its template's."""
    return Example(
        id="e",
        input=query,
        target={"calls": [write.to_json() for write in answer]},
        group=template,
        setup={
            "domains": list(domains),
            "template": template,
            "base_template": words or query,
            "chosen_template": words or query,
        },
    )


def text_of(write: Call) -> str:
    """Return a call as the data set writes it."""
    inner = ", ".join(f'{name}="{value}"' for name, value in write.arguments.items())
    return f"{write.tool}.func({inner})"


QUERIES = [
    (f"{verb} my last email from {name}", name, verb)
    for verb in ("Remove", "Erase")
    for name in ("tom", "mara", "ines", "zoe", "kim")
]
"""Ten queries of one template; only tom and mara have written."""


def write_data_set(folder: Path) -> None:
    """Write a data set in the published format: ten queries, two recorded runs."""
    data = folder / "data"
    answers = {"tom": ["00000011"], "mara": ["00000013"]}
    queries = [
        {
            "query": query,
            "answer": repr(
                [f'email.delete_email.func(email_id="{i}")' for i in answers.get(n, [])]
            ),
            "base_template": "Remove my last email from {name}",
            "chosen_template": f"{verb} my last email from {{name}}",
            "domains": "['email']",
        }
        for query, n, verb in QUERIES
    ]
    for domain in (
        "email", "calendar", "analytics", "project_management", "customer_relationship_manager",
        "multi_domain",
    ):  # fmt: skip
        _write(
            data / "processed" / "queries_and_answers" / f"{domain}_queries_and_answers.csv",
            list(queries[0]),
            queries if domain == "email" else [],
        )
    for name, file in FILES.items():
        _write(data / "processed" / file, list(COLUMNS[name]), TABLES[name])
    (data / "raw").mkdir()
    (data / "raw" / DIRECTORY).write_text("\n".join((MARA, TOM, INES)), encoding="utf-8")
    _write_run(data, "best_domains", lambda number: queries[number]["answer"])
    broken = '[\'email.delete_email.func(email_id="00000011")\', "email.delete_email.func(1)"]'
    _write_run(data, "best_all", lambda number: broken)


def _write_run(data: Path, name: str, answer: Callable[[int], str]) -> None:
    _write(
        data / "results" / "email" / f"{name}_2024-01-02_03-04-05.csv",
        ["query", "function_calls", "full_response", "error"],
        [
            {
                "query": query,
                "function_calls": answer(number),
                "full_response": json.dumps("steps " * 40_000 if number == 0 else ""),
                "error": "ran out of time" if number == 1 else "",
            }
            for number, (query, _, _) in enumerate(QUERIES)
        ],
    )


def _write(path: Path, columns: Sequence[str], lines: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)
