"""Where text may be cut into tokens, and tokenizers that do not keep to the text."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from rung.core.errors import EngineError
from rung.engines.healing import Pieces

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
import llguidance

from rung.engines.sampling import Grammars

PIECES = Pieces([b"a", b"b", b"ab", b"bcd", b"c", b"d", b'"', b'",', b",", b" "])


@pytest.mark.parametrize(
    ("text", "at", "reach"),
    [
        (b'a"', 1, False),
        (b"ab", 1, True),  # the token ab
        (b"ab", 2, True),  # bcd may come
        (b"abc", 2, True),  # bcd may still come
        (b"abca", 2, False),  # no token holds bc and then a
        (b"abcd", 2, True),
        (b'b"', 2, True),  # a comma may follow
        (b'b" ', 2, False),
        (b"a", 1, True),
        (b"c", 1, False),  # no token goes on behind c
        (b"c", 0, False),
    ],
)
def test_a_token_reaches_over_a_place(text: bytes, at: int, reach: bool) -> None:
    assert PIECES.reach_over(text, at) is reach


class Spelling:
    """A vocabulary of bytes whose tokenizer changes the text first."""

    eos_token_id, bos_token_id, special_token_ids = 256, None, [256]
    tokens = [bytes([byte]) for byte in range(256)] + [b"<|end|>"]

    def __init__(self, change: Any) -> None:
        self._change = change

    def __call__(self, text: bytes | str) -> list[int]:
        given = text if isinstance(text, str) else text.decode()
        return list(self._change(given).encode())


def grammars_that(change: Any) -> Grammars:
    return Grammars(lambda: llguidance.LLTokenizer(llguidance.TokenizerWrapper(Spelling(change))))


def test_composed_accents_are_spelled_as_they_are() -> None:
    grammars = grammars_that(lambda text: unicodedata.normalize("NFC", text))
    for text in ("e\u0301", "caf\u00e9", "\ufb01"):
        assert grammars.bytes_of(grammars.tokenize(text.encode())) == text.encode()
        tokens, left = grammars.settle(text.encode(), [])
        assert grammars.bytes_of(tokens) + left == text.encode()


@pytest.mark.parametrize("change", [str.lower, lambda text: " ".join(text.split())])
def test_a_tokenizer_that_changes_plain_text_is_refused(change: Any) -> None:
    with pytest.raises(EngineError, match="tokenizer turns"):
        grammars_that(change).tokenize(b"x")
