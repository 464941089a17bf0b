"""Models that say what a test wants byte by byte, and what must hold whatever they say."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from rung.core.records import Message
from rung.engines.sampling import Logits

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.bytes import END, NUM_VOCAB, ByteEngine, Speak, random_speech
from rung.forms import Filled, Filling, compile_form, violation

ASK = (Message(role="user", content="text"),)
REFUSAL = b"I'm sorry, but I can't help with that request. "
HOSTILE = {
    "quotes": b'"',
    "open braces": b"{",
    "closed braces": b"}",
    "open brackets": b"[",
    "closed brackets": b"]",
    "nested": b'[{"a": ',
    "new lines": b"\n",
    "emoji": "😀🏳️‍🌈".encode(),
    "half an emoji": "😀".encode()[:3],
    "invalid UTF-8": b"\xff\xfe\x80",
    "digits": b"9",
    "minus": b"-",
    "zeros": b"0",
    "decimals": b".5",
    "backslashes": b"\\",
    "escapes": b"\\u12",
    "spaces": b" ",
    "letters": b"a",
    "words": b"word ",
    "commas": b", ",
    "refusal": REFUSAL,
    "literals": b"true, null, ",
    "zero bytes": b"\x00",
    "fences": b"```json\n{}\n```",
}


def always(token: int) -> Speak:
    """Return logits that want one token at every step."""

    def speak(_: Sequence[int]) -> Logits:
        logits = np.zeros(NUM_VOCAB, dtype=np.float32)
        logits[token] = 10.0
        return logits

    return speak


def repeats(text: bytes) -> Speak:
    """Return logits that want `text` over and over behind a prompt of one token."""

    def speak(tokens: Sequence[int]) -> Logits:
        logits = np.zeros(NUM_VOCAB, dtype=np.float32)
        logits[text[(len(tokens) - 1) % len(text)]] = 10.0
        return logits

    return speak


def flat(value: float) -> Speak:
    """Return the same logits for every token."""
    return lambda _: np.full(NUM_VOCAB, value, dtype=np.float32)


def by_branch(seed: int, spread: float = 4.0) -> Speak:
    """Return random logits that depend on the branch's own tokens and on nothing else."""

    def speak(tokens: Sequence[int]) -> Logits:
        random = np.random.default_rng([seed, *tokens])
        return random.normal(0.0, spread, NUM_VOCAB).astype(np.float32)

    return speak


def says(text: str) -> Speak:
    """Return logits that want to go on with `text`, as far as the branch agrees with it."""
    data = text.encode()

    def speak(tokens: Sequence[int]) -> Logits:
        at = len(tokens) - 1
        logits = np.zeros(NUM_VOCAB, dtype=np.float32)
        logits[data[at] if at < len(data) else END] = 10.0
        return logits

    return speak


SPEECHES = (
    st.builds(random_speech, st.integers(0, 999), st.sampled_from([0.5, 4.0, 30.0]))
    | st.builds(by_branch, st.integers(0, 999))
    | st.sampled_from(list(HOSTILE.values())).map(repeats)
    | st.binary(min_size=1, max_size=6).map(repeats)
    | st.just(always(END))
    | st.just(flat(0.0))
)
HOWS = st.builds(
    Filling,
    parallel=st.booleans(),
    scoring=st.sampled_from(["trie", "likelihood", "normalised"]),
    forcing=st.booleans(),
    temperature=st.sampled_from([0.0, 1.0]),
    max_tokens=st.integers(1, 60),
    retries=st.integers(0, 2),
    seed=st.integers(0, 3),
)


def check(filled: Filled, form: Any, engine: ByteEngine) -> None:
    """The guarantee: a valid output, or none and a reason; nothing left open; tokens counted."""
    if filled.status in ("ok", "repaired"):
        assert violation(filled.output, form) == ""
        json.dumps(filled.output, ensure_ascii=False, allow_nan=False).encode()
        assert filled.reason == ""
    else:
        assert filled.status == "failed"
        assert filled.output is None
        assert filled.reason
    assert engine.open_branches == []
    usage, effort = filled.usage, filled.effort
    assert min(usage.forced_tokens, usage.output_tokens) >= 0
    assert 0 <= effort.accepted_tokens <= effort.drafted_tokens
    assert 0 <= effort.skipped_tokens <= usage.forced_tokens
    assert effort.passes == filled.num_calls
    for decision in filled.decisions.values():
        assert -1 <= decision.margin <= decision.p <= 1
        assert math.isclose(sum(decision.probabilities.values()), 1)


ORDER = compile_form(
    {
        "type": "object",
        "properties": {
            "kind": {"enum": ["new", "return", "exchange", None]},
            "count": {"type": "integer", "minimum": 1, "maximum": 99999},
            "due": {"type": "string", "format": "date"},
            "note": {"type": "string", "maxLength": 30},
            "who": {
                "type": "object",
                "properties": {
                    "vip": {"type": "boolean"},
                    "name": {"type": "string", "maxLength": 20},
                },
                "required": ["vip"],
            },
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"sku": {"enum": ["a", "ab", "abc"]}, "count": {"enum": [1, 2]}},
                    "required": ["sku"],
                },
                "maxItems": 3,
            },
        },
        "required": ["kind", "count", "due", "note", "who"],
    }
)
