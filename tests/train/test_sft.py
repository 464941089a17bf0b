"""SFT on a tiny random model: exact gradients, and a toy task that it learns to do when served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("peft", reason="pip install 'rung[train]'")
pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
import torch

import tiny_gguf
import toys
from rung.engines.llama import LlamaEngine
from rung.flow.train import TrainOptions, TrainRun, train
from rung.routes.answer import answer
from rung.routes.route import Route
from rung.routes.runtime import Runtime
from rung.store import Store
from rung.tasks.task import Example, Task
from rung.train import sft
from rung.train.base import add_lora, load_base, trainable
from rung.train.batches import lay_out
from rung.train.sft import batch_loss, place_logits, text_logprobs, text_loss
from rung.train.shape import LoraShape
from rung.train.texts import Text

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second thread does nothing for matrices of this size but wait."""
    monkeypatch.setenv("RUNG_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write_gguf(tmp_path_factory.mktemp("sft") / "tiny.gguf")


@pytest.fixture(scope="module")
def model(base: Path) -> Iterator[Any]:
    adapted = add_lora(load_base(base), LoraShape(rank=4), seed=0)
    with torch.no_grad():
        for name, parameter in trainable(adapted).items():
            if "lora_B" in name:
                parameter.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
    yield adapted


def texts() -> list[Text]:
    shared = tuple(range(40, 80))
    ends = ((7, 8, 9), (10, 11, 12, 13, 14), (15, 16))
    return [
        Text(
            example=str(i),
            tokens=(*shared, *end),
            trained=(False,) * len(shared) + (True,) * len(end),
        )
        for i, end in enumerate(ends)
    ]


def test_the_loss_is_that_of_whole_rows_without_padding_or_sharing(model: Any) -> None:
    """Against plain cross-entropy on each row alone, with every logit computed."""
    wanted, count = torch.tensor(0.0), 0
    for text in texts():
        tokens = torch.tensor([text.tokens])
        logits = model(input_ids=tokens).logits[0, :-1].float()
        at = torch.tensor(text.trained[1:])
        wanted = wanted + torch.nn.functional.cross_entropy(
            logits[at], tokens[0, 1:][at], reduction="sum"
        )
        count += text.num_trained
    (wanted / count).backward()
    gradients = {name: p.grad.clone() for name, p in trainable(model).items()}
    model.zero_grad()
    found = text_loss(model, texts())
    found.value.backward()
    assert found.num_trained == count == 10
    assert found.num_evaluated == 39 + 3 * 6
    assert found.value.item() == pytest.approx((wanted / count).item(), abs=1e-5)
    for name, parameter in trainable(model).items():
        torch.testing.assert_close(parameter.grad, gradients[name], atol=1e-5, rtol=1e-3)
    model.zero_grad()


def test_a_batch_in_several_passes_has_the_gradient_of_one(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = text_loss(model, texts())
    whole.value.backward()
    gradients = {name: p.grad.clone() for name, p in trainable(model).items()}
    model.zero_grad()
    monkeypatch.setattr(sft, "TOKENS_AT_ONCE", 50)
    parts = batch_loss(model, texts())
    parts.value.backward()
    assert parts.num_evaluated == 3 * 40 + sum(map(len, ((7, 8, 9), range(5), (15, 16))))
    assert (parts.num_trained, parts.num_tokens) == (whole.num_trained, whole.num_tokens)
    assert parts.value.item() == pytest.approx(whole.value.item(), abs=1e-5)
    for name, parameter in trainable(model).items():
        torch.testing.assert_close(parameter.grad, gradients[name], atol=1e-5, rtol=1e-3)
    model.zero_grad()


def test_logprobs_of_texts_are_sums_over_what_is_learnt(model: Any) -> None:
    found = text_logprobs(model, texts())
    alone = torch.cat([text_logprobs(model, [text]) for text in texts()])
    torch.testing.assert_close(found, alone, atol=1e-4, rtol=1e-4)
    mean = -found.sum().item() / sum(text.num_trained for text in texts())
    assert mean == pytest.approx(text_loss(model, texts()).value.item(), abs=1e-5)


def test_the_head_sees_learnt_places_only(model: Any) -> None:
    layout = lay_out(texts(), pad=0)
    assert place_logits(model, layout).shape == (10, model.config.vocab_size)


def test_in_16_bits_only_frozen_weights_are_rounded(base: Path) -> None:
    """A third of a percent is what rounding to eight bits of mantissa may change."""
    losses = []
    for precision in ("fp32", "bf16"):
        adapted = add_lora(load_base(base, precision), LoraShape(rank=4), seed=0)
        usual = adapted.config._attn_implementation
        loss = text_loss(adapted, texts())
        loss.value.backward()
        losses.append(loss.value.item())
        assert loss.value.dtype == torch.float32
        assert {p.grad.dtype for p in trainable(adapted).values()} == {torch.float32}
        assert adapted.config._attn_implementation == usual
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=1 / 300)


def test_wide_and_narrow_rows_give_the_same_loss(model: Any, monkeypatch: Any) -> None:
    narrow = text_loss(model, texts()).value.item()
    monkeypatch.setattr("rung.train.precision.NARROW", 0)
    assert text_loss(model, texts()).value.item() == pytest.approx(narrow, abs=1e-5)


def test_below_the_lowest_adapted_layer_nothing_is_differentiated(base: Path) -> None:
    adapted = add_lora(load_base(base), LoraShape(rank=2, top_layers=1), seed=0)
    assert {name.split(".")[4] for name in trainable(adapted)} == {"1"}
    seen: list[bool] = []
    layers = adapted.get_base_model().model.layers
    layers[0].register_forward_hook(lambda *args: seen.append(args[-1].requires_grad))
    layers[1].register_forward_hook(lambda *args: seen.append(args[-1].requires_grad))
    text_loss(adapted, texts()[:1])
    assert seen == [False, True]


def pass_rate(task: Task, base: Path, examples: tuple[Example, ...], **route: Any) -> float:
    """Return how often llama.cpp, serving the adapter, answers right."""
    store = Store()
    with Runtime(
        task, open_engine=lambda name: LlamaEngine(name, base, threads=1), store=store
    ) as runtime:
        ask = Route(name="r", rung="r", **({"model": "tiny", "max_tokens": 32} | route))
        answers = [answer(ask, runtime, example) for example in examples]
    store.close()
    return sum(
        one.output == dict(example.target) for one, example in zip(answers, examples, strict=True)
    ) / len(examples)


@pytest.mark.slow
def test_a_toy_task_is_learnt_and_served(base: Path, tmp_path: Path) -> None:
    """On dev inputs never trained on, through the GGUF adapter, with and without the form."""
    task = toys.write_task(tmp_path / "toy", num_train=36, num_other_words=2)
    options = TrainOptions(model=str(base), epochs=40, learning_rate=1.5e-2, rank=8)
    steps: list[int] = []
    done = train(task, options, watch=lambda progress: steps.append(progress.step))
    assert isinstance(done, TrainRun)
    arms = {
        "base+form": {"output": "form"},
        "sft": {"output": "blank", "adapter": done.trained.adapter, "prompt": "bare"},
        "sft+form": {"output": "form", "adapter": done.trained.adapter, "prompt": "bare"},
    }
    rates = {name: pass_rate(task, base, task.dev, **arm) for name, arm in arms.items()}
    assert rates["base+form"] < 0.5  # of three choices
    assert rates["sft+form"] >= 0.8
    assert rates["sft"] >= 0.75  # the whole JSON, letter by letter
    again = train(task, options, watch=lambda progress: steps.append(-1))
    assert -1 not in steps  # a finished run is not trained again
    assert isinstance(again, TrainRun)
    assert again.trained.adapter == done.trained.adapter
