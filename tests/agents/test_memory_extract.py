"""What a message states: known answers, and what must never be kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.agents.memory_extract import extract
from rung.agents.memory_records import Context, Turn
from rung.store import Claim

NOW = "2026-11-26T10:00:00Z"


def claims_of(text: str) -> list[Claim]:
    turn = Turn(number=0, role="user", text=text)
    found = extract(turn, Context(conversation="c", now=NOW))
    for item in found:
        assert text[item.claim.start : item.claim.end] == item.claim.value
        assert item.claim.quote in text
    return [item.claim for item in found]


def told(text: str) -> list[tuple[str, str, str]]:
    return [(claim.subject, claim.attribute, claim.value) for claim in claims_of(text)]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("My name is Ada Lovelace and I ordered two days ago.", [("name", "Ada Lovelace")]),
        ("Hi, my name's Bob. Can you help?", [("name", "Bob")]),
        ("Call me Al.  Call me back later.", [("name", "Al")]),
        ("My phone is 030 1234567; my email is a.b+c@x-y.co.uk.",
         [("phone", "030 1234567"), ("email", "a.b+c@x-y.co.uk")]),
        ("You can reach me at ada@example.org.", [("email", "ada@example.org")]),
        ("My address is 5 St. Mary's Road, Springfield, IL 62704. Please send it there.",
         [("address", "5 St. Mary's Road, Springfield, IL 62704")]),
        ("My boss is J. Smith.", [("boss", "J. Smith")]),
        ("My size is M. Please change it.", [("size", "M")]),
        ("My budget is 1,200 EUR, no more.", [("budget", "1,200 EUR")]),
        ("My hobby is sailing. My favourite colour is red.",
         [("hobby", "sailing"), ("favourite colour", "red")]),
        ("My account number is AC-99-1, and my customer id: C123.",
         [("account", "AC-99-1"), ("customer", "C123")]),
        ("Where is order A-1029?", [("order", "A-1029")]),
        ("ticket INC0012345 is open, and ticket #77 too",
         [("ticket", "INC0012345"), ("ticket", "77")]),
        ("my order number is 4711, where is it?", [("order", "4711")]),
        ("I moved to Rome last year because of work", [("home", "Rome")]),
        ("I live in Berlin now.", [("home", "Berlin")]),
        ("I'm allergic to peanuts.", [("allergy", "peanuts")]),
        ("I prefer email over phone.", [("prefers", "email over phone")]),
        ("I really like dark roast but not decaf.", [("likes", "dark roast")]),
        ("I can't stand phone calls.", [("dislikes", "phone calls")]),
        ("Please always leave parcels with the neighbour.",
         [("always", "leave parcels with the neighbour")]),
        ("Never send me adverts.", [("never", "send me adverts")]),
        ("From now on, address me as Dr. Jones.", [("from now on", "address me as Dr. Jones")]),
        ("I use a ThinkPad X1 and I drive a Volvo.",
         [("uses", "ThinkPad X1"), ("drives", "Volvo")]),
        ("My nickname = “Zoë”\nmy Größe: 42", [("nickname", "Zoë"), ("größe", "42")]),
    ],
)  # fmt: skip
def test_what_customers_say_of_themselves(text: str, facts: list[tuple[str, str]]) -> None:
    assert told(text) == [("user", attribute, value) for attribute, value in facts]


def test_what_they_say_of_others() -> None:
    text = "My wife's name is Grace and my daughter's birthday is on 3 May 2019."
    assert told(text) == [("wife", "name", "Grace"), ("daughter", "birthday", "3 May 2019")]
    assert told('My dog is called "Rex".') == [("dog", "name", "Rex")]


@pytest.mark.parametrize(
    "text",
    [
        "Is my name Bob?",
        "Do you know if my address is Main Street 5?",
        "If my name is Bob, what happens?",
        "She said my account number is 99887766.",
        'The form says "my account number is 5566".',
        "I'd like a refund. I would prefer that.",
        "My laptop is broken. My screen is flickering. My parcel is late. My phone is not working.",
        "My problem is that the app crashes.",
        "Never got a reply. Always crashes. Never mind.",
        "I tried twice and never got an answer.",
        "I want to order 5000 screws on 2026-12-01.",
        "My password is hunter2 and my PIN is 1234.",
        "My card number is 4111 1111 1111 1111.",
        "my number is 4111-1111-1111-1111",
        "I don't understand. I don't know. I like it.",
        "My order is called off.",
        "",
        "   \n\n ",
    ],
)
def test_what_is_not_kept(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "expires"),
    [
        ("My name is Bob.", ""),
        ("My order number is 4711.", "2027-02-24T10:00:00Z"),
        ("For now my address is 12 Main St.", "2026-12-10T10:00:00Z"),
        ("My address is 12 Main St until 2026-12-24.", "2026-12-24T23:59:59Z"),
        ("My room is 12 today, and my name is not the point.", "2026-11-27T10:00:00Z"),
        ("I ordered today, and my name is Bob.", ""),
        ("I no longer live in Berlin.", NOW),
    ],
)
def test_how_long_it_holds(text: str, expires: str) -> None:
    assert claims_of(text)[0].expires == expires


def test_what_matters_most_is_most_salient() -> None:
    order = [
        "I use a Mac.",
        "My boss is Eve.",
        "I like tea.",
        "Order A-12345.",
        "I'm Vegan? I'm vegan.",
    ]
    saliences = [claims_of(text)[-1].salience for text in order]
    assert saliences == sorted(saliences) == [0.4, 0.5, 0.6, 0.7, 0.9]


@given(st.text(max_size=300))
def test_any_text_gives_parts_of_itself(text: str) -> None:
    claims_of(text)


WORDS = [
    "my", "name", "order", "is", "no,", "it is", "4711", "not", "Bob", "Bob's", "I", "live in",
    "prefer", "actually", "sorry", ",", ".", "?", "\n", '"', "“", "call me", "a@b.org", "address",
    "until 2026-99-99", ":", "#", "ünï", "4111 1111 1111 1111", "never", "e.g.",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join))
def test_texts_of_telling_words_give_parts_of_themselves(text: str) -> None:
    values = [claim.value for claim in claims_of(text)]
    assert not any("4111 1111 1111 1111" in value for value in values)
    assert all(value.strip() == value and "\n" not in value for value in values)


def test_a_long_message_is_read_in_linear_time() -> None:
    assert claims_of("my my my is " * 5000) == []
    assert len(claims_of("My order number is 4711-A. " * 500)) == 500
    assert claims_of("." * 200_000) == []
