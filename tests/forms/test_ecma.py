from __future__ import annotations

import pytest

from rung.forms import ecma
from rung.forms.validity import violations


def valid(value: object, schema: object) -> bool:
    return not violations(value, schema)


@pytest.mark.parametrize(
    "pattern, text, matched",
    [
        ("b", "abc", True),  # anywhere in the text
        ("^b", "abc", False),
        ("c$", "abc\n", False),  # the end is the end, not before a line end
        ("^a$", "b\na", False),  # no line mode
        (r"^\d$", "٣", False),  # ASCII digits only
        (r"^\D$", "٣", True),
        (r"^\w$", "é", False),
        (r"^\W$", "é", True),
        (r"^\s$", "\ufeff", True),
        (r"^\s$", "\u180e", False),
        (r"^\s$", "\x1c", False),  # a space to Python only
        (r"^\S$", "\x1c", True),
        (r"é\b", "é", False),  # no word ends after a letter outside ASCII
        (r"^[\W_]$", "_", True),
        (r"^[^\S]$", "\u2029", True),
        ("^.$", "\u2028", False),
        ("^.$", "\x0b", True),
        ("^.$", "😀", True),  # one character, not two halves
        (r"^\cJ$", "\n", True),
        (r"^\x41\u0042$", "AB", True),
        (r"^\ud83d\ude00$", "😀", True),
        (r"^\u{1F600}$", "😀", True),
        (r"^\0$", "\0", True),
        (r"^[\b]$", "\b", True),
        (r"^\p{L}+$", "Straße", True),
        (r"^\p{Lu}$", "a", False),
        (r"^[\p{Nd}x]$", "٣", True),
        (r"^\P{L}$", "é", False),
        (r"^\p{Script=Greek}+$", "λόγος", True),
        ("^[]$", "", False),  # an empty class matches nothing
        ("^[^]$", "\n", True),
        ("^[[a]$", "[", True),  # no sets inside sets
        ("^[a&&b]$", "&", True),
        (r"^(a)?\1b$", "b", True),  # a group that did not match stands for nothing
        (r"^\1(a)$", "a", True),
        (r"^(?<x>a|b)\k<x>$", "bb", True),
        (r"^(?<x>a|b)\k<x>$", "ab", False),
        (r"(?<=a+)b", "aab", True),  # a look-behind of any length
        (r"(?<!a+)b", "aab", False),
        (r"^a\-b\_c$", "a-b_c", True),  # needless escapes, only in the older grammar
        ("^{a}]$", "{a}]", True),
        (r"^[\w-.]+$", "a-.", True),
        ("^a{2,}$", "aaa", True),
        ("^a{,2}$", "a{,2}", True),  # not a repetition in ECMA-262
        ("^a{0,99999999999}$", "aaa", True),
        ("^(?=a)*b", "b", True),
    ],
)
def test_patterns_are_those_of_ecma_262(pattern: str, text: str, matched: bool) -> None:
    assert ecma.is_pattern(pattern)
    assert valid(text, {"pattern": pattern}) is matched
    assert valid({text: 1}, {"patternProperties": {pattern: False}}) is not matched
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        only = {"patternProperties": {pattern: True}, keyword: False}
        assert valid({text: 1}, only) is matched


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "a**", "*a", "a++", "[b-a]", "a{2,1}", "[a", "\\", "(?>a)", "(?i)a", "(?P<n>a)",
        "(?#a)", r"\p{Nonsense}", r"\p{L", r"(?<n>a)\k<m>", "(?<n>a)(?<n>b)", "(?<1>a)",
        r"(?<=(a)\1)b",
        "^*", "{1}", "(" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_pattern_makes_no_text_valid(pattern: str) -> None:
    assert not ecma.is_pattern(pattern)
    for schema in ({"pattern": pattern}, {"not": {"pattern": pattern}}):
        found = violations("text", schema)
        assert [f.keyword for f in found] == ["pattern"]
        assert "not a regular expression" in found[0].message
        assert valid(5, {**schema, "not": False})


@pytest.mark.parametrize(
    "text, strict",
    [
        (r"a\-b", False),
        ("]", False),
        (r"\8", False),
        (r"[\w-.]", False),
        (r"[\-]", True),
        (r"\/", True),
    ],
)
def test_the_format_regex_wants_the_strict_grammar(text: str, strict: bool) -> None:
    assert ecma.is_pattern(text)
    assert valid(text, {"format": "regex"}) is strict


def test_a_search_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecma, "TIMEOUT_S", 0.05)
    schema = {"not": {"pattern": "^(a|aa)+$"}}
    assert valid("aaab", schema)
    (found,) = violations("a" * 60 + "b", schema)
    assert found.keyword == "pattern" and "0.05 s" in found.message
