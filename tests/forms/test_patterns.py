"""Patterns as string literals: same language as `re.search` on the decoded text, one way."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.forms.patterns import literal_of


@pytest.mark.parametrize(
    "pattern, yes, no",
    [
        ("^abc$", ["abc"], ["xabc", "abcx"]),
        ("abc", ["abc", "xx abc yy"], ["ab"]),
        ("^abc", ["abc", "abcd"], ["xabc"]),
        ("abc$", ["abc", "xabc"], ["abcx"]),
        ("^a|b$", ["a", "ax", "b", "xb"], ["xa", "bx"]),
        ("^a$|^b$", ["a", "b"], ["ab", "xa", "bx"]),
        ("^(ab|cd)*$", ["", "abcd"], ["abc"]),
        ("^.$", ['"', "\\", "é", "😀", "\t"], ["\n", "", "ab"]),
        ("^[^@]+@[^@]+$", ["a@b", '"@"', "ü@ö"], ["a@", "a@b@c"]),
        (r"^\d\D\w\W\s\S$", ["1ab! x"], ["xab! x", "1ab!xx"]),
        (r"^[\]\[^&~-]$", ["]", "[", "^", "&", "~", "-"], ["a", "\\"]),
        (r"^[!-~]$", ['"', "\\", "a", "!"], [" ", "é"]),
        (r"^a{2,3}b?c+?$", ["aac", "aaabccc"], ["ac", "aab"]),
        (r"^\$\.\/$", ["$./"], ["x./"]),
        (r"^(?:a|)$", ["a", ""], ["b"]),
        ("", ["", "anything"], []),
        ("^$", [""], ["a"]),
        ('^"\\\\\n\t$', ['"\\\n\t'], ["x"]),
    ],
)
def test_patterns_match_what_they_say(pattern: str, yes: list[str], no: list[str]) -> None:
    regex = re.compile(literal_of(pattern, 50))
    written = {text: json.dumps(text, ensure_ascii=False) for text in yes + no}
    assert [text for text in yes if not regex.fullmatch(written[text])] == []
    assert [text for text in no if regex.fullmatch(written[text])] == []
    assert all(re.search(pattern, text) for text in yes)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)b",
        "(?<!a)b",
        r"\bword\b",
        r"(a)\1",
        "(?i)abc",
        "a^b",
        "a$b",
        "(^a|b)c",
        "[a",
        r"\p{L}",
        r"^\x00$",
        "(?>a)",
        "a*+",
    ],
)
def test_what_cannot_be_carried_over_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        literal_of(pattern, 50)


SAMPLES = [
    r"^[A-Z]{2}-\d{4}$",
    r"a.c|[^x]y$",
    r"^(\w+ )*\w+\.$",
    r"\s?[\W_]{2,4}",
    r'[\u00e0-\u00ff"]+',
    r"^[^\w\\]$",
]


@pytest.mark.parametrize("pattern", SAMPLES)
def test_a_text_whose_literal_matches_satisfies_the_pattern(pattern: str) -> None:
    regex = re.compile(literal_of(pattern, 12))
    found = []

    @given(st.text('aAxyc0_-.: "\\\té¹٣ß', max_size=6) | st.from_regex(pattern))
    def check(text: str) -> None:
        if regex.fullmatch(json.dumps(text, ensure_ascii=False)):
            found.append(text)
            assert re.search(pattern, text)

    check()
    assert found


@pytest.mark.parametrize("pattern", [*SAMPLES, ".*", r"(a+)+b", r"[^\"\\]*", r"[&~\-\[\]^]{3}"])
def test_llguidance_reads_them(pattern: str) -> None:
    llguidance = pytest.importorskip("llguidance")
    grammar = llguidance.LLMatcher.grammar_from_regex(literal_of(pattern, 400))
    assert llguidance.LLMatcher.validate_grammar(grammar) == ""
