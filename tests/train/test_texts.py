"""Training texts: token for token what the serving engine evaluates, and what is learnt of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="pip install 'rung[train]'")
pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
import tiny_gguf
from board import MOVE, Board
from rung.agents.rendering import render_steps
from rung.agents.spec import AgentSpec
from rung.engines.llama import LlamaEngine
from rung.engines.speech import open_speech
from rung.engines.steps import Step
from rung.forms import Filling, Form, compile_form, fill
from rung.routes.prompt import build_messages
from rung.tasks.task import Example
from rung.train.scribe import Dictation, Scribe
from rung.train.texts import Style, Text, Unwritable, episode_texts, form_texts, merge

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "category": {"enum": ["billing", "billing dispute", "technical", "account"]},
        "urgent": {"type": "boolean"},
        "amount": {"type": "integer", "minimum": 0, "maximum": 999},
        "note": {"type": "string", "maxLength": 40},
    },
    "required": ["category", "urgent", "amount"],
}
TARGET = {"category": "billing dispute", "urgent": False, "amount": 49, "note": 'charged "twice"'}
EXAMPLE = Example(id="e", input="the order was charged twice", target=TARGET, group="g")
INSTRUCTION = "Fill in the form."
FORM = compile_form(SCHEMA)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write_gguf(tmp_path_factory.mktemp("texts") / "tiny.gguf", add_bos=True)


@pytest.fixture(scope="module")
def scribe(path: Path) -> Iterator[Scribe]:
    made = Scribe(open_speech(path))
    yield made
    made.close()


def spelled(scribe: Scribe, text: Text, mark: str = "|") -> str:
    """Return the answer of a text, each learnt token between marks."""
    pieces = [
        f"{mark}{scribe.grammars.bytes_of([token]).decode('latin-1')}{mark}"
        if learnt
        else scribe.grammars.bytes_of([token]).decode("latin-1")
        for token, learnt in zip(text.tokens, text.trained, strict=True)
    ]
    return "".join(pieces).rpartition("assistant\n")[2].replace(mark * 2, mark)


class Recorder:
    """A real engine whose evaluations are noted: each branch's tokens when logits were read."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.read: list[tuple[int, ...]] = []
        evaluate = engine.branches.evaluate

        def noted(steps: list[Step]) -> Any:
            grown: dict[int, tuple[int, ...]] = {}
            for step in steps:  # a later one may go on from an earlier one
                first = step.branches[0]
                whole = (*grown.get(id(first), tuple(first.tokens)), *step.tokens)
                grown |= {id(branch): whole for branch in step.branches}
                ends = range(len(whole) - step.num_logits + 1, len(whole) + 1)
                self.read += [whole[:end] for end in ends]
            return evaluate(steps)

        engine.branches.evaluate = noted  # type: ignore[method-assign]


def asked_and_learnt(
    engine: LlamaEngine, scribe: Scribe, form: Form, *, parallel: bool
) -> tuple[set[Any], set[Any]]:
    """Let an engine fill a form; return where it was asked, and where the texts of it learn."""
    recorder = Recorder(engine)
    messages = build_messages(INSTRUCTION, form, EXAMPLE.input, bare=True)
    how = Filling(parallel=parallel, retries=0)
    filled = fill(form, engine, messages, how, source=EXAMPLE.input)
    assert filled.status == "ok", filled.reason
    style = Style(learn="values", prompt="bare", parallel=parallel)
    texts = form_texts(scribe, form, INSTRUCTION, EXAMPLE, style, output=filled.output)
    learnt = {text.tokens[:at] for text in texts for at, mark in enumerate(text.trained) if mark}
    # also read: other options, and what was drafted or weighed behind the last decision
    on_path = {
        tokens
        for tokens in recorder.read
        if any(tokens == text.tokens[: len(tokens)] != text.tokens for text in texts)
    }
    return on_path, learnt


@pytest.mark.parametrize("parallel", [False, True], ids=["in order", "parallel"])
def test_what_is_learnt_is_what_serving_asks_for(
    path: Path, scribe: Scribe, parallel: bool
) -> None:
    """Choices only: a random model spells values in tokens that no tokenizer would use."""
    choices = {name: SCHEMA["properties"][name] for name in ("category", "urgent")}
    form = compile_form({**SCHEMA, "properties": choices, "required": list(choices)})
    engine = LlamaEngine("llama:tiny", path, threads=1)
    on_path, learnt = asked_and_learnt(engine, scribe, form, parallel=parallel)
    engine.close()
    assert learnt
    assert learnt <= on_path


@pytest.mark.model
@pytest.mark.parametrize("parallel", [False, True], ids=["in order", "parallel"])
def test_the_real_model_is_asked_for_what_is_learnt(
    model_path: Path, llama: LlamaEngine, parallel: bool
) -> None:
    scribe = Scribe(open_speech(model_path))
    on_path, learnt = asked_and_learnt(llama, scribe, FORM, parallel=parallel)
    scribe.close()
    assert len(learnt) > 4
    assert learnt == on_path


def test_only_what_the_form_leaves_open_is_learnt(scribe: Scribe) -> None:
    """Of an option the tokens that tell it apart, of a value all and its end."""
    (text,) = form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, Style(learn="values"))
    plain = spelled(scribe, text, mark="")
    assert plain == json.dumps(TARGET)[: len(plain)]
    assert spelled(scribe, text) == (
        '{"category": "|bi|ll|in|g| |dispute", "urgent":| |false, "amount":| 49|,|'
        ' "note": "|ch|arge|d| |\\|"|t|wic|e|\\|"|"|'
    )


class Counted(dict[tuple[int, ...], int]):
    """Counts how often it is asked."""

    num_gets = 0

    def get(self, key: tuple[int, ...], default: Any = None) -> Any:
        self.num_gets += 1
        return super().get(key, default)


def test_what_was_decided_is_found_in_one_pass_without_drafts(scribe: Scribe) -> None:
    said = tuple(range(400))
    draft = {(*said[:at], 7_000): 0 for at in range(1, 400)}
    forced = {said[:at]: said[at] for at in range(400) if at % 3}
    asked = Counted(forced | draft)
    told = Dictation(prompt=(), answers=(), end=0, grammars=scribe.grammars, asked=asked)
    kept = {(*said[:at], 7_000): 0 for at in range(1, 400) if at % 3 == 0}
    assert told.decided() == forced | kept  # a draft counts where nothing else was wanted
    assert asked.num_gets <= 2 * len(asked)


def test_whole_answers_are_learnt_with_their_end(scribe: Scribe) -> None:
    (text,) = form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, Style())
    assert text.tokens[-1] == scribe.end
    assert spelled(scribe, text, mark="") == json.dumps(TARGET) + "<|im_end|>"
    assert text.trained == tuple(
        at >= len(text.tokens) - text.num_trained for at in range(len(text.tokens))
    )
    messages = build_messages(INSTRUCTION, FORM, EXAMPLE.input)
    assert text.tokens[: -text.num_trained] == scribe.prompt(messages)


def test_parallel_slots_are_learnt_alone(scribe: Scribe) -> None:
    style = Style(learn="values", parallel=True)
    texts = form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, style)
    plain = [spelled(scribe, text, mark="") for text in texts]
    assert plain == ['{"urgent": ', '{"amount": 49,', json.dumps(TARGET).removesuffix("}")]


def test_shuffled_slots_stand_first_in_turn(scribe: Scribe) -> None:
    style = Style(shuffled=True, slot_dropout=0.3)
    seen = set()
    for draw in range(40):
        (text,) = form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, style, draw=draw)
        value = json.loads(spelled(scribe, text, mark="").removesuffix("<|im_end|>"))
        assert value.items() <= TARGET.items()
        seen.add(next(iter(value)))
    assert seen == set(TARGET)
    again = form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, style, draw=3)
    assert again == form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, style, draw=3)


@pytest.mark.parametrize("learn", ["answer", "values"])
def test_what_the_form_cannot_write_is_no_text(scribe: Scribe, learn: Any) -> None:
    wrong = TARGET | {"category": "weather"}
    with pytest.raises(Unwritable, match="no option"):
        form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, Style(learn=learn), output=wrong)
    long = TARGET | {"note": "word " * 12}
    with pytest.raises(Unwritable):
        form_texts(scribe, FORM, INSTRUCTION, EXAMPLE, Style(learn=learn), output=long)


def test_texts_that_go_on_from_each_other_are_joined() -> None:
    def text(tokens: tuple[int, ...], *learnt: int) -> Text:
        marks = tuple(at in learnt for at in range(len(tokens)))
        return Text(example="e", tokens=tokens, trained=marks)

    first = text((1, 2, 3, 9), 2)
    longer = text((1, 2, 3, 4, 5), 4)
    other = text((1, 2, 8), 2)
    assert merge([first, longer, other]) == (other, text((1, 2, 3, 4, 5), 2, 4))


@pytest.mark.parametrize("learn", ["answer", "values"])
def test_an_episode_is_one_text_with_the_agents_own_turns_learnt(
    scribe: Scribe, learn: Any
) -> None:
    """Each prompt, as serving shows it, is a beginning of the text; results stay unlearnt."""
    world, calls = Board(), Board().oracle(MOVE)
    spec = AgentSpec(tools="none")
    style = Style(learn=learn, prompt="bare")
    (text,) = episode_texts(scribe, AgentSpec(), world, MOVE, calls, "Do it.", style)
    steps = list(render_steps(spec, world, MOVE, calls, instruction="Do it."))
    assert len(steps) == len(calls) + 1
    for messages, said in steps:
        prompt = scribe.prompt(messages)
        answer = scribe.grammars.tokenize(said.content.encode())
        here = slice(len(prompt), len(prompt) + len(answer))
        assert text.tokens[: len(prompt)] == prompt
        assert text.tokens[here] == tuple(answer)[: len(text.tokens[here])]
        assert any(text.trained[here])
        assert not text.trained[len(prompt) - 1]
        assert all(text.trained[here]) == (learn == "answer")
    ends = sum(
        token == scribe.end and mark for token, mark in zip(text.tokens, text.trained, strict=True)
    )
    assert ends == (len(steps) if learn == "answer" else 0)
