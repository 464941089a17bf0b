"""Corrections: what they put right, and what only looks like one."""

from __future__ import annotations

import pytest

from rung.agents.memory import Memory
from rung.agents.memory_records import Turn
from rung.store import Store

Line = tuple[str, str]


@pytest.fixture
def told():
    """Return a function that plays lines ("u …" or "a …") and gives the values that stand."""
    store = Store()

    def play(*lines: str, conversation: str = "c1") -> list[Line]:
        memory = Memory(store, task="t", owner="ada", conversation=conversation)
        for number, line in enumerate(lines):
            role = "user" if line.startswith("u ") else "assistant"
            memory.observe(Turn(number=number, role=role, text=line[2:]))
        return [(fact.attribute, fact.value) for fact in memory.facts()]

    yield play
    store.close()


@pytest.mark.parametrize(
    ("lines", "stands"),
    [
        (["u My order number is 4711.", "u No, it is 4712."], ("order", "4712")),
        (["u My order number is 4711, no sorry, 4712."], ("order", "4712")),
        (["u My order number is 4711.", "a Order 4711 is on its way.", "u Sorry, I meant 4712."],
         ("order", "4712")),
        (["u My order number is 4711.", "u Wait, that's not right: it should be 4712."],
         ("order", "4712")),
        (["u My order number is 4711.", "u That's wrong. The order number is 4712."],
         ("order", "4712")),
        (["u My name is Bob.", "a Hello Bob.", "u It's Rob, not Bob."], ("name", "Rob")),
        (["u My email is a@x.org.", "u oops, b@x.org"], ("email", "b@x.org")),
        (["u I prefer email.", "u Actually I prefer phone."], ("prefers", "phone")),
        (["u My address is Main Street 5.", "u No, the address is Main Street 7."],
         ("address", "Main Street 7")),
        (["u My flight is LH400.", "u not LH400 but LH402"], ("flight", "LH402")),
        (["u I live in Berlin, sorry, Potsdam."], ("home", "Potsdam")),
        (["u My size is M.", "u Actually my size is L."], ("size", "L")),
        (["u My favourite colour is blue.", "u No, it's green."], ("favourite colour", "green")),
        (["u I live in Berlin.", "u I no longer live in Berlin, I live in Rome now."],
         ("home", "Rome")),
    ],
)  # fmt: skip
def test_the_corrected_value_stands_alone(told, lines: list[str], stands: Line) -> None:
    assert told(*lines) == [stands]


@pytest.mark.parametrize(
    "line",
    [
        "u Actually it's fine now.",
        "u It's Windows that fails.",
        "u That is Amazon.",
        "u It's 4712 km from here.",
        "u Actually it's urgent.",
        "u No, it is not working.",
        "u No thanks.",
        "u No, that's wrong, thanks.",
        "u No, I want a refund.",
        "u Sorry, I don't understand.",
        "u Actually the screen flickers.",
        "u No, the printer in room 5.",
        "u No, send it tomorrow.",
        "u Is it 4712?",
        "u It is the 5th time, not the first.",
        "a No, it is 4712.",
        "u No, my password is 4712.",
    ],
)
def test_what_only_looks_like_a_correction(told, line: str) -> None:
    stated = told("u My name is Bob. My order number is 4711.", line)
    assert stated == [("name", "Bob"), ("order", "4711")]


def test_a_correction_without_the_old_value_is_about_the_last_turns_only(told) -> None:
    chat = ["u Hello.", "a Hello.", "u It works.", "a Good.", "u Good.", "a Anything else?"]
    assert told("u My order number is 4711.", *chat, "u No, it is 4712.") == [("order", "4711")]
    assert told("u Sorry, 4713.", conversation="c2") == [("order", "4711")]


def test_a_fact_of_an_earlier_conversation_is_corrected_when_it_is_repeated_or_denied(told) -> None:
    told("u My order number is 4711.")
    assert told("a Is it about order 4711?", "u No, it is 4712.", conversation="c2") == [
        ("order", "4712")
    ]
    assert told("u It's 4713, not 4712.", conversation="c3") == [("order", "4713")]


def test_a_correction_picks_the_fact_that_looks_like_it(told) -> None:
    lines = ["u My email is a@x.org and my order number is 4711.", "u No, it is b@x.org."]
    assert told(*lines) == [("order", "4711"), ("email", "b@x.org")]


def test_two_orders_may_stand_side_by_side(told) -> None:
    assert told("u Where is order A-1001?", "u And order A-1002?") == [
        ("order", "A-1001"), ("order", "A-1002"),
    ]  # fmt: skip
