"""The table behind memory: written once, superseded in one transaction, one owner at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest

from rung.core import config
from rung.store import Claim, Fact, FactLog, Store, tables

CLAIM: dict[str, Any] = {
    "subject": "user", "attribute": "size", "value": "M", "salience": 0.5, "conversation": "c",
    "turn": 0, "start": 11, "end": 12, "quote": "My size is M.", "created": "2026-11-26T10:00:00Z",
}  # fmt: skip


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store()
    yield opened
    opened.close()


def claim(**changes: Any) -> Claim:
    return Claim(**{**CLAIM, **changes})


def standing(log: FactLog) -> list[str]:
    return [fact.value for fact in log.all() if fact.superseded_by is None]


def test_a_claim_comes_back_as_it_went_in(store: Store) -> None:
    log = FactLog(store, task="t", owner="o")
    fact = log.add(claim(value="é😀 漢", expires="2027-01-01T00:00:00Z"))
    assert log.all() == (fact,)
    assert fact is not None
    kept = asdict(fact)
    assert (kept.pop("id"), kept.pop("superseded_by")) == (1, None)
    assert kept == {**CLAIM, "value": "é😀 漢", "expires": "2027-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("second", "how", "left"),
    [
        ({"value": "L"}, {}, ["M", "L"]),
        ({"value": "L"}, {"only": True}, ["L"]),
        ({"value": "L"}, {"instead_of": "m"}, ["L"]),
        ({"value": "L"}, {"instead_of": "S"}, ["M", "L"]),
        ({"value": "m"}, {}, ["m"]),
        ({"value": "L", "subject": "wife"}, {"only": True}, ["M", "L"]),
        ({"value": "L", "attribute": "shoe size"}, {"only": True}, ["M", "L"]),
    ],
)
def test_what_takes_the_place_of_what(
    store: Store, second: dict[str, Any], how: dict[str, Any], left: list[str]
) -> None:
    log = FactLog(store, task="t", owner="o")
    log.add(claim())
    log.add(claim(turn=1, **second), **how)
    assert standing(log) == left
    assert len(log.all()) == 2


def test_a_chain_of_corrections_names_each_successor(store: Store) -> None:
    log = FactLog(store, task="t", owner="o")
    for turn, value in enumerate(("M", "L", "XL")):
        log.add(claim(turn=turn, value=value), only=True)
    assert [fact.superseded_by for fact in log.all()] == [2, 3, None]


def test_one_place_of_a_turn_is_kept_once(store: Store) -> None:
    log = FactLog(store, task="t", owner="o")
    assert log.add(claim()) is not None
    assert log.add(claim(value="L"), only=True) is None
    assert standing(log) == ["M"]


def test_other_owners_and_tasks_are_out_of_reach(store: Store) -> None:
    mine = FactLog(store, task="t", owner="o")
    mine.add(claim())
    for task, owner in (("t", "p"), ("u", "o"), ("t", "o' OR '1'='1"), ("t", "%")):
        other = FactLog(store, task=task, owner=owner)
        assert other.all() == ()
        other.add(claim(value="L"), only=True)
        assert other.forget() == 1
    assert standing(mine) == ["M"]


def test_of_many_writers_one_value_stands(store: Store) -> None:
    def write(turn: int) -> None:
        FactLog(store, task="t", owner="o").add(claim(turn=turn, value=str(turn)), only=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    log = FactLog(store, task="t", owner="o")
    assert len(standing(log)) == 1
    assert len(log.all()) == 8


@pytest.mark.parametrize(
    ("expires", "now", "holds"),
    [
        ("", "9999-12-31T23:59:59Z", True),
        ("2027-01-01T00:00:00Z", "2026-12-31T23:59:59Z", True),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", False),
    ],
)
def test_when_a_fact_holds(expires: str, now: str, holds: bool) -> None:
    fact = Fact(**CLAIM | {"expires": expires}, id=1)
    assert fact.holds(now) is holds
    assert not Fact(**CLAIM, id=1, superseded_by=2).holds(now)


def test_a_store_of_the_first_schema_is_migrated_and_keeps_what_it_has() -> None:
    store = Store()
    store.put_answer("k", {"a": 1})
    store.close()
    with sqlite3.connect(config.home() / "store.db") as connection:
        for later in tables.metadata.tables.keys() - {"answers", "ledger", "registry"}:
            connection.execute(f"DROP TABLE {later}")
        connection.execute("DROP INDEX ix_answers_created")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    again = Store()
    assert again.get_answer("k") == {"a": 1}
    assert FactLog(again, task="t", owner="o").all() == ()
    again.close()
