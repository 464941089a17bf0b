"""When the code ends a value that the model goes on with, and where it ends it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.records import Message
from rung.engines.sampling import Logits
from rung.forms.closing import _loop

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.bytes import ByteEngine, Speak
from rung.forms import Filled, Filling, compile_form, fill
from speeches import repeats

ASK = (Message(role="user", content="text"),)


def insisting(text: str) -> Speak:
    """Return logits that want `text` over and over, and else what ends a value."""
    wanted = repeats(text.encode())

    def speak(tokens: Sequence[int]) -> Logits:
        logits = wanted(tokens)
        logits[list(b'"]}')] += 5.0
        return logits

    return speak


def filled_with(schema: Any, text: str, **how: Any) -> Filled:
    """Fill a root value by a model that goes on and on."""
    engine = ByteEngine(insisting(text))
    return fill(compile_form(schema), engine, ASK, Filling(retries=0, **how))


def text_of(limit: int, said: str, **rules: Any) -> str:
    """Return what becomes of a text that the model ends by itself or not."""
    found = filled_with({"type": "string", "maxLength": limit, **rules}, said, max_tokens=999)
    assert found.status == "ok", found.reason
    return str(found.output)


@pytest.mark.parametrize(
    ("limit", "said", "kept"),
    [
        # what fits is kept, however close to the limit and whatever signs it has
        (10, '"AB-1234"', "AB-1234"),
        (7, '"AB-1234"', "AB-1234"),
        (12, '"Ada B"', "Ada B"),
        (5, '"Ada B"', "Ada B"),
        (12, '"Müller-Lüdenscheidt"', "Müller-Lüden"),
        (8, '"éé éé éé"', "éé éé éé"),
        (10, '"ação ação"', "ação ação"),
        (20, '"Refund of orders"', "Refund of orders"),
        (40, '"I was charged twice, for one order"', "I was charged twice, for one order"),
        (20, '"Refund of order 12"', "Refund of order 12"),
        # a word that would be cut is left out
        (20, '"Refund of order number twelve"', "Refund of order"),
        (24, '"One word then another one and more"', "One word then another"),
        (
            60,
            '"' + " ".join(f"word{n}" for n in range(50)),
            " ".join(f"word{n}" for n in range(10)),
        ),
        (60, '"' + "a longer sentence that goes on " * 9, None),
        # one word without an end is cut where it must be
        (12, '"' + "abcdefghij" * 9, "abcdefghijab"),
        (5, '"' + "é" * 30, "ééééé"),
    ],
)
def test_text_ends_at_a_word_within_its_limit(limit: int, said: str, kept: str | None) -> None:
    found = text_of(limit, said)
    assert len(found) <= limit
    words = json.loads(f'{said.rstrip(chr(34))}"').split()
    assert found.split()[:-1] == words[: len(found.split()) - 1]
    if kept is not None:
        assert found == kept
    else:
        assert found.split()[-1] in words
        assert len(found) > limit - 25


@pytest.mark.parametrize(
    "text",
    [
        "abcd\n",
        'abcd"',
        "ab\\",
        'a"b"c',
        "naïve é",
        "e\u0301te\u0301",
        "👩‍👩‍👧 🇫🇷",
        "日本語 ok",
        "\t\n",
        "12 34",
        "a b c d e",
    ],
)
@pytest.mark.parametrize("ends", ['"', ' and more"', 'more"', '\\n"'])
def test_a_limit_counts_characters_and_what_just_fits_is_kept(text: str, ends: str) -> None:
    """Neither bytes nor the signs of an escape count, and white space at the end is tidied."""
    said = json.dumps(text, ensure_ascii=False)[:-1] + ends
    kept = filled_with({"type": "string", "maxLength": len(text)}, said, max_tokens=999).output
    if ends == '"':
        assert kept in (text, " ".join(text.split()))
    else:
        assert text.startswith(kept) or " ".join(text.split()).startswith(kept)
        assert len(kept) >= len(text.rsplit(" ", 1)[0].strip())


@pytest.mark.parametrize(
    ("limit", "said", "kept"),
    [
        (9, '"one three fourteen"', "one three"),  # the limit falls on a word's end
        (10, '"one twofold"', "one"),  # and inside a word
        (5, '"seven"', "seven"),
        (5, '"sevenfold"', "seven"),  # a lone word is cut
        (7, '"one two-three"', "one two"),
        (8, '"one two, three"', "one two,"),
        (0, '"one"', ""),
        (1, '"é"', "é"),
    ],
)
def test_a_word_is_dropped_only_where_the_model_goes_on_with_it(
    limit: int, said: str, kept: str
) -> None:
    assert text_of(limit, said) == kept


def test_a_least_length_comes_before_a_word_s_end() -> None:
    found = text_of(30, '"' + "ab cd " * 30, minLength=29)
    assert 29 <= len(found) <= 30


@pytest.mark.parametrize("max_tokens", [16, 40, 100])
def test_text_without_a_limit_ends_in_time(max_tokens: int) -> None:
    words = "one two three four five six seven eight nine ten eleven twelve "
    found = filled_with({"type": "string"}, '"' + words * 9, max_tokens=max_tokens)
    assert found.status == "ok", found.reason
    assert found.usage.output_tokens <= max_tokens
    assert (words * 9).startswith(found.output)


def test_text_without_a_limit_ends_after_about_400_characters_at_a_word() -> None:
    words = "".join(f"word{n} " for n in range(300))
    found = filled_with({"type": "string"}, '"' + words, max_tokens=999)
    assert found.status == "ok"
    assert 380 <= len(found.output) <= 400
    assert words.startswith(found.output + " ")


@pytest.mark.parametrize("max_items", [1, 3, None])
def test_a_list_ends_behind_an_item(max_items: int | None) -> None:
    limit = {} if max_items is None else {"maxItems": max_items}
    for item, said in (
        ({"type": "integer"}, "[" + "".join(f"{n}, " for n in range(10, 90))),
        ({"type": "string"}, "[" + "".join(f'"item {n}", ' for n in range(10, 90))),
        ({"enum": ["a", "b"]}, '["a", "b", "b", ' + '"a", "b", ' * 40),
    ):
        schema = {"type": "array", "items": item, **limit}
        found = filled_with(schema, said, max_tokens=400)
        assert found.status == "ok", found.reason
        assert len(found.output) == (8 if max_items is None else max_items)
        assert found.output == json.loads(said[:-2] + "]")[: len(found.output)]


def test_a_list_may_be_longer_where_its_schema_demands_it() -> None:
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 12}
    said = "[" + "".join(f"{n}, " for n in range(100, 190))
    found = filled_with(schema, said, max_tokens=400)
    assert (found.status, found.output) == ("ok", list(range(100, 112)))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string"}, '"' + "a" * 500),
        ({"type": "string"}, '"' + "no no " * 99),
        ({"type": "array", "items": {"type": "string"}}, '["' + "x" * 500),
        ({"type": "object"}, '{"a": {"b": "' + "ha" * 200),
        ({}, "[" * 90),
        ({}, '{"a": [' * 30),
        ({"type": "number"}, "1" + "0" * 90),
    ],
)
def test_what_turns_in_circles_is_ended_long_before_its_tokens_are_spent(
    schema: Any, said: str
) -> None:
    found = filled_with(schema, said, max_tokens=2000)
    assert found.status in ("ok", "repaired"), found.reason
    assert found.usage.output_tokens < 200


STRINGS = {"type": "array", "items": {"type": "string"}, "maxItems": 900}
NUMBERS = {"type": "array", "items": {"type": "integer"}, "maxItems": 900}


@pytest.mark.parametrize("max_tokens", [30, 60, 2000])
@pytest.mark.parametrize(
    ("schema", "item"),
    [
        *((STRINGS, item) for item in ("ab", "item one", "x", "", "é", "a, b", 'say "hi"')),
        *((NUMBERS, item) for item in (1, 12, 123456)),
        ({**STRINGS, "items": NUMBERS}, [1, 2]),
        ({**STRINGS, "items": STRINGS}, ["a b", "c"]),
    ],
)
def test_a_list_that_turns_in_circles_ends_behind_a_whole_item(
    schema: Any, item: Any, max_tokens: int
) -> None:
    said = "[" + (json.dumps(item, ensure_ascii=False) + ", ") * 60
    found = filled_with(schema, said, max_tokens=max_tokens)
    assert found.status == "ok", found.reason
    assert found.output == [item] * len(found.output)
    assert found.usage.output_tokens < 100


def test_a_list_inside_a_list_that_turns_in_circles_ends_behind_a_whole_item() -> None:
    found = filled_with({**STRINGS, "items": STRINGS}, '[["a", ' + '"ab", ' * 60, max_tokens=999)
    assert found.output[0][:3] == ["a", "ab", "ab"]
    assert set(found.output[0]) == {"a", "ab"}


@pytest.mark.parametrize("max_tokens", [3, 4, 6, 9])
def test_no_string_is_closed_before_it_began(max_tokens: int) -> None:
    for schema, said in (({"type": "string"}, '"'), (STRINGS, '["'), ({}, '"')):
        found = filled_with(schema, said + "abcdefghijk" * 9, max_tokens=max_tokens)
        assert found.output not in ("", [""])


def test_what_does_not_is_let_go_on() -> None:
    said = '"' + " ".join(f"{n * n}" for n in range(60)) + '"'
    found = filled_with({"type": "string", "maxLength": 999}, said, max_tokens=999)
    assert found.output == json.loads(said)


@pytest.mark.parametrize("schema", [{"type": "object"}, {"type": "array"}, {}])
@pytest.mark.parametrize("max_tokens", [24, 60, 200])
def test_nested_json_keeps_tokens_for_its_way_out(schema: Any, max_tokens: int) -> None:
    opened = "[" if schema.get("type") == "array" else '{"k0": '
    said = opened + "".join(f'{{"key{n}": [{n}, ' for n in range(90))
    found = filled_with(schema, said, max_tokens=max_tokens)
    assert found.status in ("ok", "repaired"), found.reason
    assert found.usage.output_tokens <= max_tokens


def by_definition(tokens: Sequence[int]) -> bool:
    """Some piece of at most 24 tokens stands at the end, three times and for twelve tokens."""
    for period in range(1, 25):
        times = max(3, -(-12 // period))
        piece = list(tokens[-period:])
        if len(tokens) >= times * period and list(tokens[-times * period :]) == piece * times:
            return True
    return False


@settings(max_examples=200)
@given(
    st.lists(st.integers(0, 2), max_size=8),
    st.lists(st.integers(0, 2), min_size=1, max_size=26),
    st.integers(0, 14),
)
def test_a_loop_is_a_piece_that_stands_three_times(
    start: list[int], piece: list[int], times: int
) -> None:
    tokens = start + piece * times
    assert bool(_loop(tokens)) == by_definition(tokens)
    if len(piece) <= 24 and times >= 3 and len(piece) * times >= 12 + len(piece):
        assert _loop(tokens)
