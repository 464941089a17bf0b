"""Where a literal ends: for any JSON value, any tail behind it, in any pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import JSON
from rung.forms.scan import LiteralScan

TAILS = st.sampled_from(
    [", ", ",\n  ", "}", "\n}", "]", "\n]", ', "b": 1}', ']}, {"a": [1]}', "\n"]
)


def dumped(value: Any, *, ascii_only: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only).encode()


def feed(scan: LiteralScan, data: bytes, cuts: list[int]) -> list[int | None]:
    """Feed the data in pieces; return the end as seen after each piece."""
    seen = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        scan.feed(data[start:end])
        seen.append(scan.end)
    return seen


def closes_itself(value: Any) -> bool:
    return isinstance(value, str | list | dict)


@settings(max_examples=80)
@given(value=JSON, tail=TAILS, ascii_only=st.booleans(), data=st.data())
def test_the_end_is_found_whatever_follows(
    value: Any, tail: str, ascii_only: bool, data: Any
) -> None:
    literal = dumped(value, ascii_only=ascii_only)
    text = literal + tail.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    for pieces in (list(range(1, len(text))), cuts, []):  # byte by byte, anyhow, at once
        scan = LiteralScan()
        seen = feed(scan, text, pieces)
        assert scan.end == len(literal)
        assert scan.length == len(text)
        assert all(end in (None, len(literal)) for end in seen)
    byte_by_byte = feed(LiteralScan(), text, list(range(1, len(text))))
    first = next(i for i, end in enumerate(byte_by_byte) if end is not None)
    # text and brackets end with their own last sign, numbers and words with the one behind
    assert first == len(literal) - closes_itself(value)


@given(text=st.text(max_size=12), tail=TAILS)
def test_a_text_whose_quote_stands_already(text: str, tail: str) -> None:
    literal = dumped(text, ascii_only=False)[1:]
    scan = LiteralScan('"')
    assert scan.in_string
    scan.feed(literal + tail.encode())
    assert (scan.end, scan.in_string) == (len(literal), False)


@given(text=st.text(max_size=12))
def test_characters_are_counted_as_they_are_read(text: str) -> None:
    """An escape of one sign is a character, as is one of several bytes."""
    plain = "".join(char for char in text if char.isprintable() or char in '"\\\n\t')
    scan = LiteralScan('"')
    scan.feed(dumped(plain, ascii_only=False)[1:-1])
    assert scan.num_chars == len(plain)
    assert scan.end is None


@given(text=st.text(max_size=12))
def test_an_escape_by_number_is_a_character_and_so_is_a_pair(text: str) -> None:
    scan = LiteralScan('"')
    scan.feed(dumped(text, ascii_only=True)[1:])
    assert scan.num_chars == len(text)
    assert scan.end is not None


@pytest.mark.parametrize(
    ("text", "num_parts", "string_is_empty", "is_bare"),
    [
        ('["a", "', 1, True, False),
        ('["a", "b', 1, False, False),
        ('[["a", "b"], ["', 2, True, False),
        ('["a, b"', 0, False, False),
        ('["\\"', 0, False, False),
        ("[1, 2", 1, False, True),
        ("[1, ", 1, False, False),
        ("-1", 0, False, True),
    ],
)
def test_what_a_literal_is_inside_of(
    text: str, num_parts: int, string_is_empty: bool, is_bare: bool
) -> None:
    scan = LiteralScan()
    scan.feed(text.encode())
    assert (scan.num_parts, scan.string_is_empty, scan.is_bare) == (
        num_parts,
        string_is_empty,
        is_bare,
    )


@pytest.mark.parametrize(
    ("text", "num_commas", "is_nested", "in_string"),
    [
        ("[1, 2, 3", 2, True, False),
        ('["a, b", "c', 1, True, True),
        ("[[1, 2], [3, 4], ", 2, True, False),
        ('{"a": [1, 2], "b": "x, y', 1, True, True),
        ('"a, b', 0, False, True),
        ("12", 0, False, False),
        ("", 0, False, False),
        ("[1]", 0, False, False),
    ],
)
def test_where_a_literal_stands(
    text: str, num_commas: int, is_nested: bool, in_string: bool
) -> None:
    scan = LiteralScan()
    scan.feed(text.encode())
    assert (scan.num_commas, scan.is_nested, scan.in_string) == (num_commas, is_nested, in_string)


@pytest.mark.parametrize("literal", ["-12.5e-3", "0", "true", "null", "NaN"])
@pytest.mark.parametrize("sign", [",", "}", "]", "\n"])
def test_a_bare_literal_ends_before_its_delimiter(literal: str, sign: str) -> None:
    scan = LiteralScan()
    scan.feed(literal.encode())
    assert scan.end is None
    scan.feed(sign.encode())
    assert scan.end == len(literal)


@given(text=st.text(st.characters(blacklist_characters="\n"), max_size=20), more=st.text())
def test_raw_text_ends_with_its_line(text: str, more: str) -> None:
    scan = LiteralScan(raw=True)
    scan.feed(text.encode())
    assert (scan.end, scan.num_chars) == (None, len(text))
    scan.feed(f"\n{more}".encode())
    assert scan.end == len(text.encode())


@given(st.binary(max_size=40))
def test_bytes_that_are_no_json_do_no_harm(data: bytes) -> None:
    for scan in (LiteralScan(), LiteralScan('"'), LiteralScan(raw=True)):
        scan.feed(data)
        assert scan.length == len(data)
        assert scan.end is None or 0 <= scan.end <= len(data)
