"""The transformers engine on tiny random models: cache, scores and forms against plain passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Request
from rung.engines.open import open_engine
from rung.engines.sampling import log_softmax
from rung.engines.steps import Branch, Step
from rung.forms import Filling, compile_form, fill, violation

pytest.importorskip("torch", reason="pip install torch==2.13.0")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
import torch
import transformers

import tiny_models
from rung.engines.transformers_engine import TransformersEngine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

Folder = Callable[[str], Path]
OPTIONS = ("billing", "technical", "account")
FORM = compile_form(
    {
        "type": "object",
        "properties": {
            "category": {"enum": list(OPTIONS)},
            "urgent": {"type": "boolean"},
            "amount": {"type": "integer", "minimum": 0, "maximum": 500},
            "summary": {"type": "string", "maxLength": 12},
        },
        "required": ["category", "urgent", "amount", "summary"],
    }
)
CHOICE = compile_form(
    {
        "type": "object",
        "properties": {"category": {"enum": list(OPTIONS)}},
        "required": ["category"],
    }
)
ASK = (
    Message(role="system", content="Fill in the form."),
    Message(role="user", content="I was charged 49 twice for my order"),
)
TURNS = [{"role": message.role, "content": message.content} for message in ASK]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Return what writes a model once and says where it is."""
    home = tmp_path_factory.mktemp("models")

    def found(kind: str) -> Path:
        return home / kind if (home / kind).exists() else tiny_models.write_model(home / kind, kind)

    return found


@pytest.fixture(scope="module", params=tiny_models.PLAIN)
def engine(request: pytest.FixtureRequest, folder: Folder) -> Any:
    found = open_engine(f"transformers:{folder(request.param)}")
    assert isinstance(found, TransformersEngine)
    yield found
    found.close()


@pytest.fixture(scope="module")
def plain(engine: TransformersEngine) -> Any:
    """Return the same model and tokenizer as transformers itself loads them."""
    path = engine.model.removeprefix("transformers:")
    model = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    return model, transformers.AutoTokenizer.from_pretrained(path)


def prompt(plain: Any) -> list[int]:
    """Return the tokens of the conversation up to the answer, as transformers makes them."""
    text = plain[1].apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True)
    tokens: list[int] = plain[1](text, add_special_tokens=False)["input_ids"]
    return tokens


def passed(plain: Any, tokens: list[int]) -> Any:
    """Return the logits of one pass over all tokens, without a cache, (tokens, vocab)."""
    with torch.inference_mode():
        return plain[0](torch.tensor([tokens]), use_cache=False).logits[0].float().numpy()


def step(branch: Branch, tokens: list[int], num_logits: int = 1) -> Step:
    return Step(branches=(branch,), tokens=tuple(tokens), num_logits=num_logits)


def test_the_prompt_is_the_one_that_transformers_renders(
    engine: TransformersEngine, plain: Any
) -> None:
    with engine.lock:
        opened = engine.open(Request(messages=ASK))
        assert [*opened.branch.tokens, *opened.rest] == prompt(plain)
        engine.drop(opened.branch)


def test_forked_and_cut_branches_give_the_logits_of_a_plain_pass(
    engine: TransformersEngine, plain: Any
) -> None:
    head = prompt(plain)
    ends = [engine.grammars.tokenize(text) for text in (b" billing", b" the order was late", b"x")]
    with engine.lock:
        engine.branches.reset()
        opened = engine.open(Request(messages=ASK))
        engine.evaluate([step(opened.branch, [*opened.rest, *ends[1]])])
        engine.cut(opened.branch, len(head))
        short = engine.fork(opened.branch, len(head) // 2)
        forks = [engine.fork(opened.branch) for _ in ends]
        found = engine.evaluate(
            [
                *(step(fork, end, len(end)) for fork, end in zip(forks, ends, strict=True)),
                step(short, head[len(head) // 2 :]),
            ]
        )
        assert [fork.tokens for fork in forks] == [head + end for end in ends]
        for branch in [*forks, short, opened.branch]:
            engine.drop(branch)
    for end, rows in zip(ends, found, strict=False):
        np.testing.assert_allclose(rows, passed(plain, head + end)[len(head) :], atol=1e-4)
    np.testing.assert_allclose(found[-1][-1], passed(plain, head)[-1], atol=1e-4)


def test_a_released_prompt_serves_the_next_one(engine: TransformersEngine, plain: Any) -> None:
    head = prompt(plain)
    with engine.lock:
        engine.branches.reset()
        for _ in range(2):
            opened = engine.open(Request(messages=ASK))
            rows = engine.evaluate([step(opened.branch, list(opened.rest))])[0]
            engine.release(opened.branch)
    assert opened.num_cached == len(head) - 1
    np.testing.assert_allclose(rows[0], passed(plain, head)[-1], atol=1e-4)


def test_options_score_what_a_plain_pass_gives_them(engine: TransformersEngine, plain: Any) -> None:
    filled = fill(CHOICE, engine, ASK, Filling(scoring="likelihood"))
    head, expected = prompt(plain), []
    for option in OPTIONS:
        lead, value = b'{"category": "', option.encode() + b'"'
        start = head + engine.grammars.tokenize(lead)
        tokens = start + engine.grammars.tokenize(value)
        rows = passed(plain, tokens)
        expected.append(
            sum(log_softmax(rows[at - 1])[tokens[at]] for at in range(len(start), len(tokens)))
        )
    assert filled.decisions["category"].scores == pytest.approx(expected, abs=1e-3)
    assert filled.output == {"category": OPTIONS[int(np.argmax(expected))]}


@pytest.mark.parametrize(
    "how", [Filling(), Filling(parallel=True), Filling(temperature=1.0, seed=3)]
)
def test_a_form_is_filled_and_leaves_no_branch(engine: TransformersEngine, how: Filling) -> None:
    filled = fill(FORM, engine, ASK, how)
    assert filled.status in ("ok", "repaired"), filled.reason
    assert violation(filled.output, FORM) == ""
    assert engine.branches._active == []


@pytest.mark.parametrize(
    "kind, reason",
    [
        ("rwkv", "cannot continue from a cache: the model keeps no keys and values"),
        ("mamba", "keeps a state that cannot be cut back"),
        ("bert", "does not continue from its cache as from the start"),
    ],
)
def test_a_model_that_cannot_be_continued_is_refused(
    folder: Folder, kind: str, reason: str
) -> None:
    path = folder(kind)
    with pytest.raises(EngineError, match=reason) as refused:
        open_engine(f"transformers:{path}")
    assert str(path) in str(refused.value)
    assert refused.value.hint and "\n" not in str(refused.value)


def test_a_folder_without_its_tokenizer_is_refused(folder: Folder) -> None:
    path = tiny_models.write_model(folder("llama").parent / "mute", "llama")
    (path / "tokenizer.json").unlink()
    with pytest.raises(EngineError, match=r"mute has no tokenizer.json \(save the tokenizer"):
        open_engine(f"transformers:{path}")
