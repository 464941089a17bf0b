"""Tables are equal as data frames are: values, order and row labels."""

from __future__ import annotations

import pytest

from rung.worlds.workbench.table import Table, make_table


@pytest.fixture
def table() -> Table:
    rows = [{"id": f"0000000{n}", "name": name, "status": "Won"} for n, name in enumerate("abc")]
    return make_table("id", ("id", "name", "status"), rows)


def test_a_deleted_row_leaves_a_gap_in_the_labels(table: Table) -> None:
    left = table.without("00000001")
    assert [line.label for line in left.lines] == [0, 2]
    assert left.find("00000001") is None
    assert len(table.lines) == 3


def test_deleting_and_adding_again_is_another_state(table: Table) -> None:
    row = dict(table.lines[2].values)
    again = table.without("00000002").appended(row, label=0)
    assert [dict(values) for values in again] == [dict(values) for values in table]
    assert not again.equals(table)
    assert again.relabelled().equals(table)


def test_order_counts(table: Table) -> None:
    one, two = {"id": "8", "name": "x"}, {"id": "9", "name": "y"}
    first = table.appended(one, label=3).appended(two, label=4)
    second = table.appended(two, label=3).appended(one, label=4)
    assert not first.equals(second)


def test_a_label_in_use_is_overwritten_in_place(table: Table) -> None:
    placed = table.without("00000000").placed({"id": "9"}, label=2)
    assert [row["id"] for row in placed] == ["00000001", "9"]
    assert [row["id"] for row in table.placed({"id": "9"}, label=3)][-1] == "9"


@pytest.mark.parametrize(
    "field, value, equal, folded",
    [
        ("name", "B", False, True),  # case is free
        ("status", "won", False, False),  # but not of a status
        ("name", "b", True, True),  # the same value again changes nothing
        ("more", "b", False, False),  # a new column is a change
    ],
)
def test_case_counts_only_in_closed_lists(
    table: Table, field: str, value: str, equal: bool, folded: bool
) -> None:
    changed = table.updated("00000001", field, value)
    assert changed.equals(table) is equal
    assert changed.equals(table, fold=True) is folded


def test_a_missing_value_is_not_an_empty_one(table: Table) -> None:
    filled = table.updated("00000001", "name", "")
    missing = make_table("id", table.columns, [{**row, "name": None} for row in filled])
    assert not missing.without("00000000").equals(filled.without("00000000"))


def test_ids_go_on_after_the_largest(table: Table) -> None:
    assert table.next_id() == "00000003"
    assert table.without("00000002").next_id() == "00000002"
