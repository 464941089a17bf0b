"""Sheets: registers and lists whose columns each sheet has its own."""

from __future__ import annotations

from rung.core.spelling import listing, quote
from rung.worlds.operations.app import App, Arguments, find, id_of, look, text, write
from rung.worlds.tables import Kind, Refused, Row, Tables

_FIXED = ("id", "sheet")


def _set_cell(state: Tables, given: Arguments) -> Row:
    row = state.get("sheet_rows", given["row_id"])
    columns = [name for name in row if name not in _FIXED]
    column = next((name for name in columns if name == given["column"].casefold()), None)
    if column is None:
        raise Refused(
            f"{row['id']} has no column {quote(given['column'])}; it has {listing(columns)}"
        )
    return state.change("sheet_rows", row["id"], {column: given["value"]})


APP = App(
    name="sheets",
    tables={"sheet_rows": Kind(noun="row", prefix="S")},
    tools=(
        look(
            "sheets.find_rows",
            "Find rows in all sheets.",
            find("sheet_rows"),
            query=text("sheet and words of the row"),
        ),
        write(
            "sheets.set_cell",
            "Set one cell of a row.",
            _set_cell,
            row_id=id_of("row", "S"),
            column=text("column"),
            value=text("new value"),
        ),
    ),
)
