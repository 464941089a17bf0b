"""Parity on a tiny random model: what is right passes, each planted fault is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung.core.errors import ConfigError, GateError
from rung.core.records import Message

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("peft", reason="pip install 'rung[train]'")
pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
import gguf
import numpy as np
import torch

import tiny_gguf
import tiny_models
from board import MAIL, MOVE, Board
from rung.engines.bound import BoundEngine
from rung.engines.fake import FakeEngine
from rung.engines.llama import LlamaEngine
from rung.engines.transformers_engine import TransformersEngine
from rung.flow import parity as flow
from rung.forms import compile_form
from rung.registry import demand_parity, record_parity
from rung.routes.route import Route
from rung.store import Artifacts, Store
from rung.tasks.folder import load_task
from rung.tasks.task import Task
from rung.train.base import add_lora, load_base, trainable
from rung.train.export import file_deltas, read_gguf, take_in, to_gguf
from rung.train.export_names import permute, read_base
from rung.train.export_read import Delta, read_folder
from rung.train.parity import Parity, Sides, check_parity
from rung.train.parity_outputs import compare_outputs
from rung.train.parity_tokens import Probe, compare_tokens, serve, value_spans
from rung.train.probes import write_probes
from rung.train.shape import LoraShape
from rung.train.texts import Style
from rung.train.write import Writer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ASK = (
    Message(role="system", content="Fill in the form."),
    Message(role="user", content="the order was charged twice"),
)
ANSWER = '{"category": "billing", "amount": 49}'
OTHER = '{"category": "technical", "amount": 12}'


class Bench:
    """Both engines on one tiny model, and a right and several wrong ways to serve an adapter."""

    def __init__(self, home: Path) -> None:
        self.path = tiny_gguf.write_gguf(home / "tiny.gguf", add_bos=True)
        self.folder = tiny_gguf.write_adapter(home / "adapter", 0)
        self.server = LlamaEngine("llama:tiny", self.path, threads=1)
        self.trainer = TransformersEngine("transformers:tiny", self.path, threads=1)
        self.base = read_base(self.path)
        self.right = file_deltas(read_folder(self.folder), self.base)

    def check(
        self,
        data: bytes,
        probes: list[Probe] | None = None,
        *,
        merged: bool = False,
        seen: bytes = b"",
    ) -> Parity:
        """Serve the file `data` in place of the right one and compare; `seen` is what is read."""
        from rung.engines.adapters import Adapter, base_hash

        artifacts = Artifacts()
        config, weights = (
            artifacts.put((self.folder / name).read_bytes())
            for name in ("adapter_config.json", "adapter_model.safetensors")
        )
        found = Adapter(
            bases=(base_hash(self.path),), config=config, weights=weights, gguf=artifacts.put(data)
        )
        sides = Sides(
            trainer=self.trainer,
            server=self.server,
            adapter=found.save(artifacts),
            base=self.base,
            expected=self.right,
            exported=read_gguf(seen or data),
            open_model=lambda path: LlamaEngine("llama:merged", path, threads=1),
        )
        return check_parity(sides, probes or [self.probe()], merged=merged)

    def probe(self, change: Callable[[Any], Any] = lambda tokens: tokens) -> Probe:
        """Return a probe as a trainer would leave it, its tokens changed."""
        plain = Probe(messages=ASK, answer=ANSWER, values=value_spans(ANSWER, json.loads(ANSWER)))
        served = serve(self.server, plain)
        end = self.server.vocabulary.tokenize("<|im_end|>", special=True)
        return replace(plain, trained=tuple(change([*served.prompt, *served.answer, *end])))

    def exported(self) -> bytes:
        return to_gguf(read_folder(self.folder), self.base)


@pytest.fixture
def toy(tmp_path: Path) -> Task:
    """Return a task of one choice with two dev examples."""
    folder = tmp_path / "toy"
    folder.mkdir()
    contract = 'name = "toy"\ntitle = "Toy"\ninstruction = "Say the category."\n'
    (folder / "task.toml").write_text(contract, "utf-8")
    labels = {"category": {"enum": ["billing", "technical", "account"]}}
    schema = {"type": "object", "properties": labels, "required": ["category"]}
    (folder / "form.json").write_text(json.dumps(schema), "utf-8")
    texts = {"the order": "billing", "the ticket": "technical"}
    rows = [
        {"id": f"{split}{i}", "group": f"{split}{i}", "input": f"{text} {split}", "split": split}
        | {"target": {"category": label}}
        for split in ("train", "dev", "holdout")
        for i, (text, label) in enumerate(texts.items())
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "examples.jsonl").write_text(lines, "utf-8")
    return load_task(folder)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    found = Bench(tmp_path_factory.mktemp("parity"))
    yield found
    found.server.close()
    found.trainer.close()


def written(path: Path, deltas: dict[str, Delta], alpha: float) -> bytes:
    """Write a LoRA file as an exporter that makes mistakes would."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, delta in deltas.items():
        writer.add_tensor(f"{name}.lora_a", delta.a)
        writer.add_tensor(f"{name}.lora_b", delta.b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_a_right_export_passes_and_merging_agrees(bench: Bench) -> None:
    report = bench.check(bench.exported(), merged=True)
    assert (report.verdict, report.num_recorded) == ("pass", 1)
    served, *merged = report.differences
    assert served.kl < 1e-3 < 1 < report.effect_kl
    assert [found.arm for found in merged] == ["merged-f16", "merged-q8_0", "merged-q4_1"]
    assert merged[0].kl < 1e-3
    assert merged[0].kl < merged[1].kl < merged[2].kl
    assert (served.num_flips, served.num_gained, served.num_lost) == (0, 0, 0)


def unpermuted(bench: Bench, path: Path) -> bytes:
    plain = {
        module.removeprefix("model."): delta
        for module, delta in read_folder(bench.folder).deltas.items()
    }
    deltas = dict(bench.right)
    for name in deltas:
        part = {"attn_q": "q_proj", "attn_k": "k_proj"}.get(name.split(".")[2])
        if part:
            deltas[name] = plain[f"layers.{name.split('.')[1]}.self_attn.{part}"]
    return written(path, deltas, alpha=8.0)


def without_alpha(bench: Bench, path: Path) -> bytes:
    return written(path, dict(bench.right), alpha=4.0)


@pytest.mark.parametrize(
    "fault, cause",
    [(unpermuted, "missing rotary permutation"), (without_alpha, "alpha ignored")],
)
def test_a_wrong_file_is_named_and_seen_in_the_logits(
    bench: Bench, tmp_path: Path, fault: Callable[[Bench, Path], bytes], cause: str
) -> None:
    report = bench.check(fault(bench, tmp_path / "wrong.gguf"))
    assert [(found.stage, found.cause) for found in report.mismatches] == [
        ("export", cause),
        ("served", cause),
    ]
    assert report.verdict == f"export: {cause}"
    assert report.differences[0].kl > 5 * report.allowed_kl


def test_logits_decide_where_the_file_looks_right(bench: Bench, tmp_path: Path) -> None:
    report = bench.check(without_alpha(bench, tmp_path / "wrong.gguf"), seen=bench.exported())
    assert report.verdict == "served: the engine applies the adapter otherwise"


@pytest.mark.parametrize(
    "change, stage, cause",
    [
        (lambda tokens: [*tokens[:1], *tokens[4:]], "template", "wrong template"),
        (lambda tokens: [tokens[0], *tokens], "start", "double BOS"),
        (lambda tokens: tokens[:-1], "end", "missing end token"),
        (lambda tokens: [*tokens[:-1], 40], "end", "missing end token"),
        (lambda tokens: [*tokens[:-4], 40, *tokens[-3:]], "answer", "other answer tokens"),
    ],
)
def test_tokens_that_were_trained_otherwise_are_named(
    bench: Bench, change: Callable[[Any], Any], stage: str, cause: str
) -> None:
    report = bench.check(bench.exported(), [bench.probe(change)])
    assert [(found.stage, found.cause) for found in report.mismatches] == [(stage, cause)]
    assert not report.passed


def test_a_form_needs_no_end_token(bench: Bench) -> None:
    probe = replace(bench.probe(lambda tokens: tokens[:-3]), ends=False)
    assert bench.check(bench.exported(), [probe]).passed


def test_values_are_found_in_their_text() -> None:
    spans = value_spans(OTHER, json.loads(OTHER))
    assert [OTHER[start:end] for start, end in spans] == ["technical", "12"]


def test_a_route_is_promoted_only_with_parity() -> None:
    store = Store()
    name = "a" * 64
    route = Route(name="sft", rung="sft", output="form", adapter=name)
    demand_parity(store, replace(route, adapter=""))
    demand_parity(store, replace(route, adapter="served-as"))
    with pytest.raises(GateError, match="never compared"):
        demand_parity(store, route)
    record_parity(store, name, {"passed": False, "verdict": "start: double BOS"})
    cascade = Route(name="cascade", rung="cascade", output="cascade", stages=(route,))
    for one in (route, cascade, replace(cascade, stages=(), witnesses=(route,))):
        with pytest.raises(GateError, match="double BOS"):
            demand_parity(store, one)
    record_parity(store, name, {"passed": True, "verdict": "pass"})
    demand_parity(store, route)
    store.close()


@pytest.mark.slow
def test_the_flow_takes_in_a_folder_and_keeps_its_report(bench: Bench) -> None:
    rows = [bench.probe().to_json()]
    (bench.folder / "lineage.json").write_text(json.dumps({"probes": rows}), "utf-8")
    try:
        found = flow.check(str(bench.folder), model=str(bench.path), merged=False)
    finally:
        (bench.folder / "lineage.json").unlink()
    assert found.parity.verdict == "pass"
    assert found.parity.num_recorded == 1
    store = Store()
    demand_parity(store, Route(name="s", rung="sft", output="form", adapter=found.adapter))
    store.close()


def test_an_adapter_of_a_folder_is_compared_with_what_serves_it(tmp_path: Path, toy: Task) -> None:
    base = tiny_models.write_model(tmp_path / "tiny", "qwen2")
    model = add_lora(load_base(base), LoraShape(rank=2), seed=0)
    with torch.no_grad():
        for parameter in trainable(model).values():
            parameter.normal_()
    model.save_pretrained(tmp_path / "adapter")
    told = {"task": "toy", "style": {"prompt": "bare"}, "base": f"transformers:{base}"}
    (tmp_path / "adapter" / "lineage.json").write_text(json.dumps(told), "utf-8")
    found = flow.check(str(tmp_path / "adapter"), task=toy)
    assert (found.parity.verdict, found.parity.num_recorded) == ("pass", 2)
    assert found.parity.effect_kl > 0.0
    store = Store()
    demand_parity(store, Route(name="s", rung="sft", output="form", adapter=found.adapter))
    store.close()
    wrong = Probe(messages=ASK, answer=ANSWER, trained=(1, 2, 3))
    (tmp_path / "adapter" / "lineage.json").write_text(
        json.dumps(told | {"probes": [wrong.to_json()]}), "utf-8"
    )
    refused = flow.check(str(tmp_path / "adapter"))
    assert refused.parity.verdict == "template: wrong template"


@pytest.mark.slow
def test_probes_are_what_training_writes(bench: Bench, toy: Task) -> None:
    for style in (Style(prompt="bare"), Style(learn="values")):
        with Writer(toy, bench.path, style) as writer:
            probes = write_probes(writer, toy.dev)
        assert len(probes) == 2
        report = bench.check(bench.exported(), probes)
        assert (report.verdict, report.num_recorded) == ("pass", 2)


@pytest.fixture
def turns(bench: Bench, toy: Task) -> list[Probe]:
    """Probes of an agent's episodes: all turns as learnt, and one with what was said before."""
    with Writer(toy, bench.path, Style(prompt="bare", remaining=True)) as writer:
        writer.world, writer.form = Board(), None
        return write_probes(writer, [MOVE, MAIL])


def test_an_agents_turns_are_probed_with_their_conversation(
    bench: Bench, turns: list[Probe]
) -> None:
    whole, first, other, second = turns
    assert (whole.messages, other.messages) == ((), ())
    assert [len(probe.messages) for probe in (first, second)] == [2, 4]
    assert first.trained == whole.trained[: len(first.trained)]
    served = serve(bench.server, whole)
    learnt = [t for t, is_value in zip(served.answer, served.is_value, strict=True) if is_value]
    said = b"".join(map(bench.server.vocabulary.piece, learnt)).decode().split("<|im_end|>")
    tools = [json.loads(turn)["tool"] for turn in said[:-1]]
    assert tools == ["cards.search", "cards.move", "finish"]
    assert len(learnt) < len(served.answer)  # what the world said between the turns is not learnt
    assert json.loads(second.answer)["tool"] == "mail.send"
    report = bench.check(bench.exported(), turns)
    assert (report.verdict, report.num_recorded) == ("pass", 2)  # those with a conversation
    assert Probe.from_json(json.loads(json.dumps(whole.to_json()))) == whole


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda tokens, bos: tokens[:-1], "missing end token"),
        (lambda tokens, bos: (bos, *tokens), "double BOS"),
        (lambda tokens, bos: (*tokens[:9], *tokens[12:]), "wrong template"),
    ],
)
def test_planted_faults_of_an_agents_turns_are_named(
    bench: Bench, turns: list[Probe], change: Any, cause: str
) -> None:
    bos = bench.server.vocabulary.bos
    probe = turns[3]
    broken = replace(probe, trained=tuple(change(probe.trained, bos)))
    found = compare_tokens(bench.server, broken, serve(bench.server, broken))
    assert [mismatch.cause for mismatch in found] == [cause]


def test_whole_answers_of_both_sides_are_compared(bench: Bench, toy: Task) -> None:
    name = take_in(bench.folder, bench.path, Artifacts())
    trainer, server = (BoundEngine(side, name) for side in (bench.trainer, bench.server))
    form = compile_form(toy.schema)
    asks = [(example, (Message(role="user", content=example.input),)) for example in toy.dev]
    same = compare_outputs(trainer, server, toy, form, asks)
    assert (same.num_examples, same.num_differ, same.strict_diff) == (2, 0, 0.0)
    one = FakeEngine(script=lambda request: request.choices[0])
    other = FakeEngine(script=lambda request: request.choices[1])
    found = compare_outputs(one, other, toy, form, asks)
    assert (found.num_differ, found.num_lost, found.num_gained) == (2, 1, 1)
    assert found.strict_diff == 0.0


@pytest.mark.parametrize("name", ["nowhere", "0123456", "./none/of/them"])
def test_what_is_no_adapter_is_said(name: str) -> None:
    with pytest.raises(ConfigError, match="is no adapter"):
        flow.check(name)


def test_permuting_is_what_llama_cpp_does() -> None:
    rows = np.arange(8, dtype=np.float32).reshape(8, 1)
    assert permute(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
