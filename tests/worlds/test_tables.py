"""State as tables: rows are copies, ids are made, searching is forgiving, changes are compared."""

from __future__ import annotations

from collections import Counter

import pytest

from rung.worlds.tables import Kind, Refused, Tables

KINDS = {
    "people": Kind(noun="person", prefix="P"),
    "pages": Kind(noun="page", prefix="W", body="text"),
}
PEOPLE = [
    {"id": "P-1001", "name": "Nadia Okafor", "team": "Sales", "site": "Marlow"},
    {"id": "P-1002", "name": "Nadia Dahl", "team": "Sales", "site": "Tessin"},
    {"id": "P-1003", "name": "Karim Dahl", "team": "Finance", "site": "Marlow"},
]
PAGES = [
    {"id": "W-7", "title": "Parking", "text": "Sales parks behind the hall."},
    {"id": "W-8", "title": "Hall rules", "text": "No bicycles."},
]


@pytest.fixture
def tables() -> Tables:
    return Tables({"people": PEOPLE, "pages": PAGES}, KINDS)


@pytest.mark.parametrize(
    ("table", "query", "found"),
    [
        ("people", "Nadia Okafor", ["P-1001"]),
        ("people", "nadia", ["P-1001", "P-1002"]),
        ("people", "the sales of Tessin", ["P-1002"]),
        ("people", "p-1003", ["P-1003"]),
        ("people", "", ["P-1001", "P-1002", "P-1003"]),
        ("people", "nobody", []),
        ("pages", "hall", ["W-8"]),  # a title goes before running text
        ("pages", "rule", ["W-8"]),
        ("pages", "bicycle", ["W-8"]),
        ("pages", "sales", ["W-7"]),
    ],
)
def test_the_rows_with_most_words_are_found(
    tables: Tables, table: str, query: str, found: list[str]
) -> None:
    assert [row["id"] for row in tables.search(table, query)] == found


def test_what_is_handed_out_is_a_copy(tables: Tables) -> None:
    tables.get("people", "p-1001 ")["name"] = "X"
    tables.rows("people")[0]["name"] = "X"
    copy = tables.copy()
    copy.change("people", "P-1001", {"name": "X"})
    assert tables.get("people", "P-1001")["name"] == "Nadia Okafor"
    assert PEOPLE[0]["name"] == "Nadia Okafor"


def test_new_rows_get_the_next_id() -> None:
    tables = Tables({}, KINDS)
    assert [tables.add("people", {"name": name})["id"] for name in "ab"] == ["P-1001", "P-1002"]
    assert tables.remove("people", "P-1001")["name"] == "a"


def test_an_unknown_row_is_named_with_the_form_of_ids(tables: Tables) -> None:
    for use in (tables.get, tables.remove):
        with pytest.raises(Refused, match="no person 'T-9'; ids look like P-1042"):
            use("people", "T-9")
    with pytest.raises(Refused, match="no page"):
        tables.change("pages", "P-1001", {})


def test_where_compares_what_values_mean(tables: Tables) -> None:
    assert [row["id"] for row in tables.where("people", site=" MARLOW", team="sales")] == ["P-1001"]


def test_changes_are_cells_new_rows_and_removals(tables: Tables) -> None:
    before = tables.copy()
    tables.change("people", "P-1001", {"team": "SALES", "site": "Kirkby"})
    tables.add("people", {"name": "Eva"})
    tables.remove("pages", "W-7")
    assert tables.changes(before) == Counter(
        {
            ("people", "P-1001", "site", "kirkby"): 1,
            ("people", "", "", (("name", "eva"),)): 1,
            ("pages", "W-7", "", ""): 1,
        }
    )
    assert not tables.changes(tables.copy())


def test_the_order_in_which_rows_are_made_does_not_count(tables: Tables) -> None:
    one, other = tables.copy(), tables.copy()
    for name in ("Eva", "Ole"):
        one.add("people", {"name": name})
    for name in ("Ole", "Eva"):
        other.add("people", {"name": name})
    assert one.changes(tables) == other.changes(tables)


def test_an_id_is_given_once_so_the_order_of_removing_and_making_does_not_count(
    tables: Tables,
) -> None:
    one, other = tables.copy(), tables.copy()
    one.remove("people", "P-1003")
    assert one.copy().add("people", {"name": "Eva"})["id"] == "P-1004"
    one.add("people", {"name": "Eva"})
    other.add("people", {"name": "Eva"})
    other.remove("people", "P-1003")
    assert one.changes(tables) == other.changes(tables)


def test_a_column_may_be_called_as_the_argument_for_the_table_is() -> None:
    tables = Tables({"pages": [{"id": "W-1", "table": "4"}]}, KINDS)
    assert [row["id"] for row in tables.where("pages", table=4)] == ["W-1"]
