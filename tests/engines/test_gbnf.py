"""Expressions as grammars of llama.cpp; that the grammars hold is tested on the real server."""

from __future__ import annotations

import pytest

from rung.core.errors import EngineError
from rung.engines.gbnf import MAX_SIZE, from_regex, one_of


def test_texts_are_escaped():
    assert one_of(("low", 'a"b', "a\\b\nc")) == 'root ::= "low" | "a\\"b" | "a\\\\b\\nc"'


@pytest.mark.parametrize(
    "expression, grammar",
    [
        (r"ab\.c", '"ab.c"'),
        (r"^ab$", '"ab"'),
        (r' "[a-z ]{1,5}",', r'" \"" ( [a-z\x20] ){1,5} "\","'),
        (r"a?b*c+", '( "a" ){0,1} ( "b" ){0,} ( "c" ){1,}'),
        (r"(?:true|null)", '( "true" | "null" )'),
        (r"-?(?:0|[1-9]\d{0,3})", r'( "-" ){0,1} ( "0" | [1-9] ( [0-9] ){0,3} )'),
        (r'[^"\\\x00-\x1f]', r"[^\x22\x5C\x00-\x1F]"),
        (r"[\w.-]", r"[0-9A-Z_a-z\x2E\x2D]"),
        (r"\D", "[^0-9]"),
        (r"[^x]", "[^x]"),
        (r"a.", r'"a" [^\x0A]'),
        ("[é-\U0001f600]", r"[\xE9-\U0001F600]"),
        ("", '""'),
    ],
)
def test_an_expression_as_a_grammar(expression, grammar):
    assert from_regex(expression) == f"root ::= {grammar}"


@pytest.mark.parametrize("expression", [r"(?=a)b", r"(a)\1", r"a\b", "(?i)a", "(", r"[\D1]", "a$b"])
def test_what_has_no_grammar_is_refused(expression):
    with pytest.raises(EngineError, match="no grammar can be made") as caught:
        from_regex(expression)
    assert caught.value.refused == "regex"


MAIL = r"[a-z.]{1,64}@[a-z](?:[a-z-]{0,61}[a-z])?(?:\.[a-z]{2,63}){1,4}"


def test_what_is_short_enough_stays_as_it_is():
    assert "{1,64}" in from_regex(MAIL)
    assert f"{{0,{MAX_SIZE}}}" in from_regex(f"a{{0,{MAX_SIZE}}}")


def test_a_grammar_too_large_for_the_server_is_left_open_above():
    """llama.cpp: repeated symbols multiplied by their repetition, at 2,000 it refuses."""
    grammar = from_regex(rf"\[{MAIL}(?:, {MAIL}){{0,11}}\]")
    assert "{1,64}" not in grammar and "{0,61}" not in grammar
    assert "( [a-z\\x2E] ){1,}" in grammar
    assert "){0,11}" in grammar and "){1,4}" in grammar
    assert (
        from_regex("(?:ab{5000}|c{3,2000})d") == 'root ::= ( "a" ( "b" ){256,} | ( "c" ){3,} ) "d"'
    )
