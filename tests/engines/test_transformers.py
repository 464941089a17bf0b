"""The transformers engine on the weights of the default model: cache, constraints, forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Request
from rung.engines.open import open_engine
from rung.engines.steps import Branch, Step
from rung.forms import Filling, compile_form, fill, violation

pytest.importorskip("torch", reason="pip install torch==2.13.0")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
from rung.engines.transformers_engine import TransformersEngine

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
FORM = compile_form(
    {
        "type": "object",
        "properties": {
            "category": {"enum": ["billing", "technical", "account"]},
            "urgent": {"type": "boolean"},
            "amount": {"type": "number", "minimum": 0, "maximum": 500},
            "summary": {"type": "string", "maxLength": 30},
        },
        "required": ["category", "urgent", "amount", "summary"],
    }
)
ASK = (
    Message(role="system", content="Fill in the form: category, urgent, amount, summary."),
    Message(role="user", content="I was charged 49.90 twice for my order, please hurry."),
)


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[TransformersEngine]:
    found = open_engine(f"transformers:{model_path}")
    assert isinstance(found, TransformersEngine)
    yield found
    found.close()


def step(branch: Branch, tokens: list[int]) -> Step:
    return Step(branches=(branch,), tokens=tuple(tokens), num_logits=1)


def test_cached_forked_and_cut_branches_give_the_logits_of_a_fresh_one(
    engine: TransformersEngine,
) -> None:
    more = engine.grammars.tokenize(b" one two three")
    with engine.lock:
        engine.branches.reset()
        opened = engine.open(Request(messages=ASK))
        fresh = engine.evaluate([step(opened.branch, [*opened.rest, *more])])[0][0]
        engine.cut(opened.branch, len(opened.rest))
        twin = engine.fork(opened.branch)
        found = engine.evaluate([step(opened.branch, more), step(twin, more)])
        engine.release(opened.branch)
        engine.drop(twin)
        again = engine.open(Request(messages=ASK))
        assert again.num_cached > 10
        engine.drop(again.branch)
    for rows in found:
        assert np.abs(rows[0] - fresh).max() < 1e-2


def test_a_form_is_filled_and_leaves_no_branch(engine: TransformersEngine) -> None:
    for how in (Filling(), Filling(parallel=True), Filling(scoring="likelihood")):
        filled = fill(FORM, engine, ASK, how)
        assert filled.status in ("ok", "repaired"), filled.reason
        assert violation(filled.output, FORM) == ""
        assert set(filled.decisions) == {"category", "urgent"}
    assert engine.branches._active == []


def test_text_a_regex_and_a_schema(engine: TransformersEngine) -> None:
    assert engine.complete(Request(messages=ASK, max_tokens=4)).usage.output_tokens <= 4
    number = engine.complete(Request(messages=ASK, prefix='{"n":', regex=" [0-9]{2}}"))
    assert number.text[1:3].isdigit() and number.text.endswith("}")
    said = engine.complete(Request(messages=ASK, schema=FORM.schema, max_tokens=120))
    assert said.text.startswith('{"category": ')


def test_what_cannot_be_loaded_is_refused_in_one_line(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "no model folder"), (tmp_path, "no config.json")):
        with pytest.raises(EngineError, match=reason) as refused:
            open_engine(f"transformers:{path}")
        assert "\n" not in str(refused.value)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(EngineError, match="a pickle that could run code"):
        open_engine(f"transformers:{tmp_path}")
