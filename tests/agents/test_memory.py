"""Memory end to end: provenance over restarts, corrections, expiry, isolation, budgets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.agents.memory import MAX_FACTS_PER_TURN, Memory, render
from rung.agents.memory_records import Found, Turn
from rung.core.errors import StoreError
from rung.store import Claim, Fact, Store

NOW = "2026-11-26T10:00:00Z"


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store()
    yield opened
    opened.close()


def memory_of(store: Store, **more: Any) -> Memory:
    settings = {"task": "t", "owner": "ada", "conversation": "c1", "now": lambda: NOW}
    return Memory(store, **{**settings, **more})


def user(text: str, number: int = 0) -> Turn:
    return Turn(number=number, role="user", text=text)


def values(facts: tuple[Fact, ...]) -> list[str]:
    return [fact.value for fact in facts]


def test_a_fact_is_recalled_after_a_restart_with_where_it_was_said() -> None:
    text = "Hello! My account number is  AC-99-Ä.  Thanks."
    first = Store()
    memory_of(first).observe(user(text, 3))
    first.close()
    second = Store()
    (fact,) = memory_of(second, conversation="c2").recall("What is my account number?")
    second.close()
    assert (fact.subject, fact.attribute, fact.value) == ("user", "account", "AC-99-Ä")
    assert (fact.conversation, fact.turn, fact.created) == ("c1", 3, NOW)
    assert text[fact.start : fact.end] == fact.value
    assert fact.quote == "My account number is  AC-99-Ä."


def test_another_agent_on_the_same_store_recalls_it(store: Store) -> None:
    memory_of(store, conversation="agent-a").observe(user("My favourite colour is teal."))
    recalled = memory_of(store, conversation="agent-b").recall("Which colour do I like?")
    assert render(recalled) == "- favourite colour: teal"


def test_a_correction_wins_and_what_it_corrects_is_kept(store: Store) -> None:
    memory = memory_of(store)
    (old,) = memory.observe(user("My order number is 4711.", 0))
    (new,) = memory.observe(user("No, it is 4712.", 1))
    assert values(memory.recall("Where is my order?")) == ["4712"]
    history = memory.history()
    assert [(fact.value, fact.superseded_by) for fact in history] == [
        ("4711", new.id), ("4712", None),
    ]  # fmt: skip
    assert history[0].id == old.id and new.salience > old.salience


def test_a_later_value_supersedes_an_earlier_conversation_s(store: Store) -> None:
    memory_of(store).observe(user("I live in Berlin."))
    memory_of(store, conversation="c2").observe(user("I moved to Rome."))
    assert values(memory_of(store, conversation="c3").recall("Where do I live?")) == ["Rome"]


def test_what_expires_is_left_out_from_that_second_on(store: Store) -> None:
    memory_of(store).observe(user("My address is 12 Main St until 2026-12-24."))
    day = {"last": "2026-12-24T23:59:58Z", "after": "2026-12-24T23:59:59Z"}
    asked = {name: memory_of(store, now=lambda now=now: now) for name, now in day.items()}
    assert values(asked["last"].recall("my address?")) == ["12 Main St"]
    assert asked["after"].recall("my address?") == ()
    assert values(asked["after"].history()) == ["12 Main St"]


def test_an_ended_fact_ends(store: Store) -> None:
    memory = memory_of(store)
    memory.observe(user("I like tea. I like cake.", 0))
    memory.observe(user("I no longer like tea.", 1))
    assert values(memory.facts()) == ["cake"]


@pytest.mark.parametrize("other", [{"owner": "bob"}, {"task": "other"}, {"owner": "ADA"}])
def test_owners_and_tasks_never_see_each_other(store: Store, other: dict[str, str]) -> None:
    memory_of(store).observe(user("My account number is AC-99. I'm allergic to nuts."))
    stranger = memory_of(store, **other)
    assert stranger.recall("my account number? nuts?") == stranger.history() == ()
    stranger.observe(user("My account number is XX-11."))
    assert stranger.forget() == 1
    assert values(memory_of(store).recall("my account number?")) == ["AC-99", "nuts"]


def test_what_is_said_to_a_customer_is_no_fact(store: Store) -> None:
    memory = memory_of(store)
    turn = Turn(number=0, role="assistant", text="My name is Max. Your order number is 4711.")
    assert memory.observe(turn) == ()
    assert memory.history() == ()


def test_a_turn_observed_twice_is_kept_once(store: Store) -> None:
    first = memory_of(store)
    first.observe(user("My order number is 4711, no sorry, 4712."))
    again = memory_of(store)
    assert again.observe(user("My order number is 4711, no sorry, 4712.")) == ()
    assert values(again.facts()) == ["4712"]


def test_of_pasted_data_the_first_facts_are_kept(store: Store) -> None:
    memory = memory_of(store)
    pasted = "\n".join(f"My order is A-{number}." for number in range(MAX_FACTS_PER_TURN + 10))
    assert len(memory.observe(user(pasted))) == MAX_FACTS_PER_TURN
    assert memory.history()[-1].value == f"A-{MAX_FACTS_PER_TURN - 1}"


def test_a_fact_said_again_stands_once(store: Store) -> None:
    memory = memory_of(store)
    for number in range(3):
        memory.observe(user("Where is order A-1001?", number))
    assert values(memory.facts()) == ["A-1001"]
    assert len(memory.history()) == 3


def test_the_most_relevant_comes_first_and_the_budget_holds(store: Store) -> None:
    text = "My dentist is Dr. Hill. My printer is an OfficeJet 8010. My gym is Fit24."
    memory = memory_of(store, count_tokens=len)
    memory.observe(user(text))
    assert memory.recall("The printer jams again.")[0].value == "OfficeJet 8010"
    line = len("- printer: OfficeJet 8010\n")
    small = memory_of(store, count_tokens=len, max_recall_tokens=line)
    assert render(small.recall("The printer jams again.")) == "- printer: OfficeJet 8010"
    smaller = memory_of(store, count_tokens=len, max_recall_tokens=line - 1)
    assert "OfficeJet 8010" not in values(smaller.recall("The printer jams again."))


def test_standing_facts_concern_any_text_and_others_do_not(store: Store) -> None:
    memory = memory_of(store)
    memory.observe(user("I'm allergic to nuts. My gym is Fit24. Always answer in German."))
    assert set(values(memory.recall("Zzz"))) == {"nuts", "answer in German"}


def test_lines_name_whom_they_are_about(store: Store) -> None:
    memory = memory_of(store)
    facts = memory.observe(user("My wife's name is Grace. I prefer phone."))
    assert render(facts) == "- wife's name: Grace\n- prefers: phone"
    assert render(()) == ""


def test_forgetting_leaves_nothing(store: Store) -> None:
    memory = memory_of(store)
    memory.observe(user("My name is Bob. No, it's Rob."))
    assert memory.forget() == 2
    assert memory.history() == memory.recall("name") == ()


def test_the_window_keeps_the_last_whole_turns(store: Store) -> None:
    memory = memory_of(store, max_turns=3, max_window_tokens=12, count_tokens=len)
    for number, text in enumerate(["0", "one", "two", "three"]):
        memory.observe(user(text, number))
    assert [turn.text for turn in memory.window.turns()] == ["one", "two", "three"]
    memory.observe(user("eleven char", 4))
    assert [turn.text for turn in memory.window.turns()] == ["eleven char"]


def claim(turn: Turn, value: str, start: int, salience: float = 0.5) -> Found:
    return Found(
        claim=Claim(
            subject="user", attribute="note", value=value, salience=salience, conversation="c1",
            turn=turn.number, start=start, end=start + len(value), quote=turn.text, created=NOW,
        )
    )  # fmt: skip


def test_whatever_extracts_nothing_is_kept_that_was_not_written(store: Store) -> None:
    memory = memory_of(
        store,
        extract=lambda turn, context: [
            claim(turn, "made up", 0), claim(turn, "tea", 7), claim(turn, "tea\nor", 7),
            claim(turn, "", 0), claim(turn, "drink", 1, salience=0.2), claim(turn, "so\u2028X", 14),
        ],
    )  # fmt: skip
    kept = memory.observe(user(" drink tea\nor so\u2028X"))
    assert values(kept) == values(memory.history()) == ["tea"]


def test_a_store_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'm.db'}")
    memory = memory_of(store)
    with store.writing("dropping") as connection:
        connection.exec_driver_sql("DROP TABLE facts")
    with pytest.raises(StoreError, match="reading facts failed: no such table"):
        memory.recall("anything")
    store.close()


VALUE = st.text(
    st.characters(categories=("L", "N"), include_characters="-_/'ßé漢"), min_size=1, max_size=20
)


@settings(max_examples=20)
@given(st.lists(VALUE, min_size=1, max_size=5, unique_by=str.casefold))
def test_values_come_back_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, found) -> None:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('m') / 'm.db'}")
    memory = memory_of(store, extract=lambda turn, context: [claim(turn, turn.text, 0)])
    for number, value in enumerate(found):
        memory.observe(user(value, number))
    assert [value.encode() for value in values(memory.history())] == [v.encode() for v in found]
    assert set(values(memory.recall(" ".join(found)))) <= set(found)
    store.close()
