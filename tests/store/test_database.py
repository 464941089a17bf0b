"""The store: what is written once stays, also with several writers and after a crash."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import op

from rung.core import clock, config
from rung.core.errors import StoreError
from rung.store import Store, database, tables
from rung.store.connection import HEAD

WRITERS = 8


@pytest.fixture
def store():
    opened = Store()
    yield opened
    opened.close()


def database_file() -> Path:
    return config.home() / "store.db"


def question(store: Store, name: object, split: str = "s1") -> int:
    return store.record_opening(task="t", split_hash=split, question=name, detail={"q": str(name)})


def test_an_answer_is_kept_and_the_first_one_wins(store: Store) -> None:
    assert store.get_answer("k") is None
    store.put_answer("k", {"text": "é😀", "score": 0.5, "none": None})
    store.put_answer("k", {"text": "later"})
    store.close()
    again = Store()
    assert again.get_answer("k") == {"text": "é😀", "score": 0.5, "none": None}
    again.close()


def test_answers_are_forgotten_by_age_and_turns_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("20", "25"):
        monkeypatch.setattr(database, "now_utc", lambda day=day: f"2026-11-{day}T05:00:00Z")
        store.put_answer(f"a{day}", {"n": 1})
        store.keep_turn(f"t{day}", {"n": 1})
    assert store.keep_turn("t20", {"n": 2}) == {"n": 1}  # what came first is kept
    assert store.forget_answers(before="2026-11-25T05:00:00Z") == 1
    assert store.forget_answers(before="2026-11-25T05:00:00Z") == 0
    assert [store.get_answer(f"a{day}") for day in ("20", "25")] == [None, {"n": 1}]
    assert [store.get_turn(f"t{day}") for day in ("20", "25")] == [{"n": 1}] * 2


def test_openings_are_numbered_and_a_question_asked_again_is_not_a_new_one(store: Store) -> None:
    assert [question(store, q) for q in ("a", "b", "a", ["a"], "b")] == [1, 2, 1, 3, 2]
    assert question(store, "a", split="s2") == 1
    first, second, third = store.openings("s1")
    assert (first.id < second.id < third.id) and first.detail == {"q": "a"}
    assert first.task == "t" and first.split_hash == "s1" and len(first.question_hash) == 64


def test_the_registry_keeps_its_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "now_utc", lambda: "2026-11-23T05:00:00Z")
    for action in ("candidate", "promote", "rollback"):
        store.append_registry(task="t", action=action, route_hash="h", payload={"é": [1]})
    store.append_registry(task="other", action="promote", route_hash="h", payload={})
    found = store.registry("t")
    assert [entry.action for entry in found] == ["candidate", "promote", "rollback"]
    assert (found[0].payload, found[0].created) == ({"é": [1]}, "2026-11-23T05:00:00Z")
    assert store.registry("unknown") == []


def test_entries_carry_the_time(store: Store) -> None:
    question(store, "a")
    (entry,) = store.openings("s1")
    assert entry.created <= clock.now_utc()


def in_parallel(work) -> list:
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(work, range(WRITERS)))


def test_many_may_open_a_new_store_at_once() -> None:
    def open_and_write(i: int) -> int:
        store = Store()
        store.put_answer("same", {"writer": i})
        number = question(store, i)
        store.close()
        return number

    assert sorted(in_parallel(open_and_write)) == list(range(1, WRITERS + 1))


def test_one_question_asked_by_many_at_once_is_one_opening(store: Store) -> None:
    assert in_parallel(lambda _: question(store, "same")) == [1] * WRITERS
    assert len(store.openings("s1")) == 1


def test_a_crash_while_migrating_leaves_no_half_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    create = op.create_table

    def crash_on_the_last(name: str, *columns: sa.Column) -> None:
        if name == "registry":
            raise KeyboardInterrupt
        create(name, *columns)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(op, "create_table", crash_on_the_last)
        Store()
    store = Store()
    assert question(store, "a") == 1
    store.close()


def test_the_migrations_make_the_tables_the_code_knows(store: Store) -> None:
    fresh = sa.create_engine("sqlite://")
    tables.metadata.create_all(fresh)
    wanted, made = sa.inspect(fresh), sa.inspect(store._engine)
    assert set(made.get_table_names()) == {*wanted.get_table_names(), "alembic_version"}
    for table in wanted.get_table_names():
        for look in ("get_columns", "get_indexes", "get_unique_constraints", "get_pk_constraint"):
            assert str(getattr(made, look)(table)) == str(getattr(wanted, look)(table)), table
    fresh.dispose()


def test_the_store_waits_for_other_writers_and_syncs(store: Store) -> None:
    with store._engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10000}


def test_a_newer_store_is_refused(store: Store) -> None:
    store.close()
    with sqlite3.connect(database_file()) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match=f"schema 9999, this rung knows up to {HEAD}"):
        Store()


def test_a_file_that_is_no_database_is_refused_in_one_line() -> None:
    config.home().mkdir(parents=True)
    database_file().write_text("not a database, " * 100)
    with pytest.raises(
        StoreError, match="opening the store failed: file is not a database"
    ) as error:
        Store()
    assert "\n" not in str(error.value)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="opening the store failed"):
        Store()


def test_a_lost_database_is_a_store_error(store: Store) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE answers")
    for ask in (lambda: store.get_answer("k"), lambda: store.put_answer("k", {})):
        with pytest.raises(StoreError, match="answer failed: no such table"):
            ask()


def test_a_home_of_odd_characters_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "a ?#%41 é"))
    store = Store()
    store.put_answer("k", {"a": 1})
    store.close()
    assert database_file().is_file()


def test_any_sqlalchemy_url_will_do(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'mine.db'}")
    assert question(store, "a") == 1
    store.close()
    assert not database_file().exists()
