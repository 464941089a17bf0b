"""Branches of the real model: what is shared is shared, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Request
from rung.engines.steps import Branch, Step

pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.llama import LlamaEngine

pytestmark = pytest.mark.model

KERNEL_NOISE = 0.4
"""Of a log-probability; quantised kernels differ between batch shapes (llama.cpp documents it)."""


def ask(text: str) -> Request:
    return Request(messages=(Message(role="user", content=text),))


def step(branch: Branch, tokens: list[int], num_logits: int = 1) -> Step:
    return Step(branches=(branch,), tokens=tuple(tokens), num_logits=num_logits)


def top(row: np.ndarray, size: int = 20) -> np.ndarray:
    """Return the log-probabilities of the likeliest tokens, by token."""
    row = row.astype(np.float64) - row.max()
    row -= np.log(np.exp(row).sum())
    best = np.argsort(-row)[:size]
    return row[np.sort(best)]


def alone(llama: LlamaEngine, text: str, tokens: list[int]) -> np.ndarray:
    """Return the logits after a prompt and tokens, evaluated without any cache."""
    with llama.lock:
        llama.branches.reset()
        opened = llama.open(ask(text))
        rows = llama.evaluate([step(opened.branch, [*opened.rest, *tokens])])[0]
        llama.drop(opened.branch)
    return rows[0]


def test_forks_in_one_batch_are_as_good_as_each_alone(llama: LlamaEngine) -> None:
    ends = [llama.grammars.tokenize(text) for text in (b" is red", b" was blue and old", b" can")]
    expected = [alone(llama, "The car", end) for end in ends]
    with llama.lock:
        llama.branches.reset()
        opened = llama.open(ask("The car"))
        llama.evaluate([step(opened.branch, list(opened.rest), 0)])
        forks = [llama.fork(opened.branch) for _ in ends]
        passes = llama.branches.num_passes
        found = llama.evaluate([step(f, end) for f, end in zip(forks, ends, strict=True)])
        assert llama.branches.num_passes == passes + 1
        assert len(opened.branch.tokens) == len(opened.rest)
        for branch in [*forks, opened.branch]:
            llama.drop(branch)
    for rows, row in zip(found, expected, strict=True):
        assert int(rows[0].argmax()) in np.argsort(-row)[:3]
        assert np.abs(top(rows[0]) - top(row)).mean() < KERNEL_NOISE


def test_steps_of_a_batch_may_continue_each_other(llama: LlamaEngine) -> None:
    first, second = llama.grammars.tokenize(b" red car")[:2]
    expected = alone(llama, "A", [first, second])
    with llama.lock:
        llama.branches.reset()
        opened = llama.open(ask("A"))
        left, right = opened.branch, llama.fork(opened.branch)
        shared = Step(branches=(left, right), tokens=(*opened.rest, first))
        rows = llama.evaluate([shared, step(right, [second])])[1]
        assert len(right.tokens) == len(left.tokens) + 1
        llama.drop(left)
        llama.drop(right)
    assert np.abs(top(rows[0]) - top(expected)).mean() < KERNEL_NOISE


def test_a_cut_forgets(llama: LlamaEngine) -> None:
    wrong, right = llama.grammars.tokenize(b" wrong turn"), llama.grammars.tokenize(b" right")
    expected = alone(llama, "Go", right)
    with llama.lock:
        llama.branches.reset()
        opened = llama.open(ask("Go"))
        llama.evaluate([step(opened.branch, [*opened.rest, *wrong])])
        llama.cut(opened.branch, len(opened.rest))
        rows = llama.evaluate([step(opened.branch, right)])[0]
        llama.drop(opened.branch)
    assert np.abs(top(rows[0]) - top(expected)).mean() < KERNEL_NOISE


def test_a_released_prompt_serves_the_next_one_that_begins_alike(llama: LlamaEngine) -> None:
    with llama.lock:
        llama.branches.reset()
        for i, text in enumerate(["a long beginning, then this", "a long beginning, then that"]):
            opened = llama.open(ask(text))
            assert (opened.num_cached > 5) == bool(i)
            llama.evaluate([step(opened.branch, list(opened.rest))])
            llama.release(opened.branch)
        assert len(llama.branches._idle) == 1


def test_cached_branches_give_way_when_cells_run_out(model_path: Path) -> None:
    engine = LlamaEngine("llama:small", model_path, context_tokens=256)
    try:
        for word in ("apple ", "stone ", "river ", "cloud "):
            opened = engine.open(Request(prompt=word * 90))
            engine.evaluate([step(opened.branch, list(opened.rest))])
            engine.release(opened.branch)
        with pytest.raises(EngineError, match="the context has 256"):
            engine.open(Request(prompt="word " * 300))
        assert engine.complete(Request(prompt="One two three", max_tokens=2)).text
    finally:
        engine.close()


def test_branches_are_limited(llama: LlamaEngine) -> None:
    with llama.lock:
        llama.branches.reset()
        opened = llama.open(ask("x"))
        forks = [llama.fork(opened.branch) for _ in range(llama.max_branches - 1)]
        with pytest.raises(EngineError, match="branches at once"):
            llama.fork(opened.branch)
        for branch in [*forks, opened.branch]:
            llama.drop(branch)
    assert llama.complete(Request(prompt="One", max_tokens=1)).text
