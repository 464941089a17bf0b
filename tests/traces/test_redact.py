"""What redaction finds, and what it leaves alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import ConfigError
from rung.traces import Redactor

REDACT = Redactor()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to a.b+c@mail.example.co.uk.", "write to [mail]."),
        ("4111-1111-1111-1111 and 378282246310005", "[card] and [card]"),  # test cards of issuers
        ("4111-1111-1111-1112", "4111-1111-1111-1112"),  # fails the Luhn check
        ("call +1 (555) 010-9999 or 555-010-9999", "call [phone] or [phone]"),
        ("0170 1234567, 0049 30 123456", "[phone], [phone]"),
        ("on 2026-11-26 at 10:30:00 order 20261126 cost 1,234,567.89", None),
        ("id 123456789012 v1.2.3 10.0.0.1", None),
        ("user@localhost", None),
        ("4111 1111 1111 1111 12/27 123, 7 378282246310005", "[card] 12/27 123, 7 [card]"),
        ("4111\u00a01111\u00a01111\u00a01111 or 4111.1111.1111.1111", "[card] or [card]"),
        ("4111–1111–1111–1111, 4111  1111  1111  1111", "[card], [card]"),
        ("1-555-010-9999, (555)010-9999, 555\u2011010\u20119999", "[phone], [phone], [phone]"),
        ("+49\u00a0170\u00a01234567 or 06.12.34.56.78", "[phone] or [phone]"),
        ("on 05-11-2026, 05 11 2026 or 05.11.2026", None),
        ("_ann@example.com_ ann@example.com- ann@example.com谢", "[mail]_ [mail]- [mail]谢"),
        ("?mail=ann%40example.com&x=1", "?mail=[mail]&x=1"),
        ("ann@пример.рф ann@example.xn--p1ai", "[mail] [mail]"),
        (f"{'a' * 70}@example.com", "[mail]"),
    ],
)
def test_known_forms(text: str, expected: str | None) -> None:
    assert REDACT.text(text) == (text if expected is None else expected)


def test_json_is_decoded_before_it_is_looked_at() -> None:
    escaped = rb'{"a": ["b\u0040c.de"], "x@y.de": 4111111111111111, "n": 1.50, "s": "t"}'
    assert json.loads(REDACT.json(escaped)) == {
        "a": ["[mail]"], "[mail]": "[card]", "n": 1.5, "s": "t"
    }  # fmt: skip
    slashed = rb'{"a": "030\/1234 5678"}'  # a slash may be escaped, and often is
    assert json.loads(REDACT.json(slashed)) == {"a": "[phone]"}
    assert REDACT.json(b"not json b@c.de") == "not json [mail]"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Hi,\nann@example.com wrote", "Hi,\n[mail] wrote"),
        ("renée@example.com", "[mail]"),
        ("call:\n+49 170 1234567", "call:\n[phone]"),
        ("call\t0170 1234567\n555-010-9999", "call\t[phone]\n[phone]"),
        ("card\n4111 1111 1111 1111 12/27", "card\n[card] 12/27"),
    ],
)
def test_json_in_json_is_redacted_and_stays_json(said: str, expected: str) -> None:
    arguments = {"function": {"arguments": json.dumps({"body": said})}}
    found = json.loads(REDACT.json(json.dumps(arguments).encode()))
    assert json.loads(found["function"]["arguments"]) == {"body": expected}


def test_names_that_become_one_keep_their_values() -> None:
    found = json.loads(REDACT.json(b'{"a@x.de": 1, "b@x.de": 2, "c": 3}'))
    assert sorted(found.values()) == [1, 2, 3] and not any("@" in name for name in found)


@pytest.mark.parametrize("depth", [600, 5000])
def test_deep_json_is_redacted_too_and_stays_json(depth: int) -> None:
    deep = b"[" * depth + rb'4111111111111111, "b@c.de", "b\u0040c.de"' + b"]" * depth
    found = REDACT.json(deep)
    assert "4111" not in found and "b@c.de" not in found
    value = json.loads(found)
    if depth == 600:  # what is nested deeper is not decoded, and becomes one text
        for _ in range(depth - 1):
            (value,) = value
        assert value == ["[card]", "[mail]", "[mail]"]


LEAVES = st.text(max_size=20) | st.integers() | st.none()
JSON = st.recursive(
    LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=40)
@given(JSON)
def test_json_without_anything_personal_stays_the_same_value(value: object) -> None:
    written = json.dumps(value, ensure_ascii=False)
    if REDACT.text(written) == written:
        assert json.loads(REDACT.json(written.encode("utf-8", "replace"))) == json.loads(
            written.encode("utf-8", "replace")
        )


@settings(max_examples=40)
@given(
    st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,5})?@[a-z]{1,9}\.(com|org|de)", fullmatch=True), st.text()
)
def test_no_mail_survives_whatever_is_around_it(mail: str, around: str) -> None:
    for text in (f"{around} {mail} {around}", json.dumps({around: f'"{mail}"'})):
        assert mail not in REDACT.json(text.encode("utf-8", "replace"))


def test_rules_of_ones_own_and_wrong_ones() -> None:
    own = Redactor((), {"order": r"ORD-\d+"})
    assert own.json(b'{"a": "ORD-1 b@c.de"}') == '{"a":"[order] b@c.de"}'
    with pytest.raises(ConfigError, match="did you mean 'mail'"):
        Redactor(("mial",))
    with pytest.raises(ConfigError, match="regular expression"):
        Redactor((), {"x": "("})
