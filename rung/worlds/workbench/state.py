"""The state of the five sandboxes: four tables from the data set and the list of plots made.

Look-ups also read the visits to the website and the company directory, which nobody can change.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rung.core.errors import TaskError, reason_of
from rung.core.spelling import listing
from rung.worlds.workbench.table import Table, Values, make_table

TABLES = ("calendar", "emails", "plots", "tasks", "customers")
"""Attributes of `State` that two states are compared by."""
FILES = {
    "calendar": "calendar_events.csv",
    "emails": "emails.csv",
    "visits": "analytics_data.csv",
    "tasks": "project_tasks.csv",
    "customers": "customer_relationship_manager_data.csv",
}
DIRECTORY = "email_addresses.csv"
COLUMNS = {
    "calendar": ("event_id", "event_name", "participant_email", "event_start", "duration"),
    "emails": (
        "email_id", "inbox/outbox", "sender/recipient", "subject", "sent_datetime", "body",
    ),
    "visits": (
        "date_of_visit", "visitor_id", "page_views", "session_duration_seconds", "traffic_source",
        "user_engaged",
    ),
    "tasks": ("task_id", "task_name", "assigned_to_email", "list_name", "due_date", "board"),
    "customers": (
        "customer_id", "assigned_to_email", "customer_name", "customer_email", "customer_phone",
        "last_contact_date", "product_interest", "status", "follow_up_by", "notes",
    ),
}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class State:
    """What the tools read and change."""

    calendar: Table
    emails: Table
    plots: Table
    tasks: Table
    customers: Table
    visits: Table
    directory: tuple[str, ...]
    """Mail addresses of the company."""

    def copy(self) -> State:
        """Return a state that can be changed on its own."""
        return replace(self)

    def equals(self, other: State, *, fold: bool = False) -> bool:
        """Return whether all five tables are equal; with `fold`, whatever the case of letters."""
        pairs = [(getattr(self, name), getattr(other, name)) for name in TABLES]
        return all(mine is its or mine.equals(its, fold=fold) for mine, its in pairs)


def make_state(
    *,
    calendar: Sequence[Values] = (),
    emails: Sequence[Values] = (),
    tasks: Sequence[Values] = (),
    customers: Sequence[Values] = (),
    visits: Sequence[Values] = (),
    directory: Sequence[str] = (),
) -> State:
    """Return a state of these rows, each with the columns of its table."""
    return State(
        calendar=make_table("event_id", COLUMNS["calendar"], calendar),
        emails=make_table("email_id", COLUMNS["emails"], emails),
        plots=make_table("file_path", ("file_path",)),
        tasks=make_table("task_id", COLUMNS["tasks"], tasks),
        customers=make_table("customer_id", COLUMNS["customers"], customers),
        visits=make_table("visitor_id", COLUMNS["visits"], visits),
        directory=tuple(directory),
    )


def read_state(folder: Path) -> State:
    """Read the data set's files from one folder; raises TaskError naming an unusable one."""
    tables = {name: _read_rows(folder / file, COLUMNS[name]) for name, file in FILES.items()}
    lines = _read_cells(folder / DIRECTORY)
    return make_state(**tables, directory=[cells[0] for cells in lines if cells])


def _read_rows(path: Path, columns: Sequence[str]) -> list[Values]:
    header, *lines = _read_cells(path) or [[]]
    if sorted(header) != sorted(columns):
        raise TaskError(
            f"reading {path}: its columns are {listing(header) or 'none'}",
            hint=f"WorkBench has {listing(columns)}; make the task anew: rung init",
        )
    rows: list[Values] = []
    for number, cells in enumerate(lines, 2):
        if len(cells) != len(header):
            raise TaskError(f"reading {path}, row {number}: {len(cells)} cells, not {len(header)}")
        row = {name: cell or None for name, cell in zip(header, cells, strict=True)}
        rows.append({name: row[name] for name in columns})
    return rows


def _read_cells(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TaskError(
            f"reading {path}: {reason_of(error)}",
            hint="make the task anew: rung init NAME --from FOLDER",
        ) from None
