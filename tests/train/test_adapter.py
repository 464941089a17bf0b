"""Adapters: saved with their lineage, the same training the same name, loaded to go on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("peft", reason="pip install 'rung[train]'")
import gguf
import torch

import tiny_gguf
import tiny_models
from rung.core.errors import ConfigError, TrainError
from rung.engines.adapters import base_hash, read_adapter
from rung.store import Artifacts, RunDir
from rung.train.adapter import Lineage, load_adapter, save_adapter
from rung.train.base import add_lora, base_path, load_base, trainable
from rung.train.plan import TrainPlan
from rung.train.shape import LoraShape
from rung.train.trained import Trained, find_trained, last_minutes, record, record_plan

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write_gguf(tmp_path_factory.mktemp("adapter") / "tiny.gguf")


def adapted(base: Path, seed: int = 0) -> Any:
    """Return a base with an adapter that changes it."""
    model = add_lora(load_base(base), LoraShape(rank=2), seed=0)
    with torch.no_grad():
        for parameter in trainable(model).values():
            parameter.normal_(generator=torch.Generator().manual_seed(seed))
    return model


def lineage(base: Path, **given: Any) -> Lineage:
    fields: dict[str, Any] = {
        "method": "sft",
        "task": "toy",
        "base": "tiny",
        "base_hash": base_hash(base),
        "data": {"train": "a" * 64},
        "style": {"prompt": "bare"},
        "config": {"rank": 2},
        "seed": 0,
        "metrics": {"dev": 0.5},
    }
    return Lineage(**fields | given)


def test_an_adapter_keeps_its_lineage_and_is_named_by_all_of_it(base: Path, tmp_path: Path) -> None:
    store = Artifacts()
    model = adapted(base)
    first = save_adapter(model, lineage(base), tmp_path / "a", base, store)
    again = save_adapter(model, lineage(base), tmp_path / "b", base, store)
    other = save_adapter(model, lineage(base, seed=1), tmp_path / "c", base, store)
    assert first == again != other
    files = {path.name for path in (tmp_path / "a").iterdir()}
    assert files == {"adapter_config.json", "adapter_model.safetensors", "lineage.json"}
    kept = read_adapter(first, store)
    assert kept.lineage["data"] == {"train": "a" * 64}
    assert kept.lineage["code"].startswith("rung ")
    assert kept.bases == (base_hash(base),)
    assert kept.gguf
    assert str(tmp_path) not in store.get(kept.config).decode()


def test_training_goes_on_from_an_adapter(base: Path, tmp_path: Path) -> None:
    model, tokens = adapted(base, seed=5), torch.tensor([[5, 6, 7, 8]])
    name = save_adapter(model, lineage(base), tmp_path / "a", base, Artifacts())
    loaded = load_adapter(load_base(base), name, base, Artifacts(), tmp_path / "scratch")
    assert trainable(loaded).keys() == trainable(model).keys()
    with torch.no_grad():
        torch.testing.assert_close(loaded(tokens).logits, model(tokens).logits)


def test_an_adapter_of_a_folder_is_served_by_transformers(tmp_path: Path) -> None:
    folder = tiny_models.write_model(tmp_path / "tiny", "qwen2")
    model = adapted(folder)
    name = save_adapter(model, lineage(folder), tmp_path / "a", folder, Artifacts())
    assert read_adapter(name, Artifacts()).gguf == ""
    loaded = load_adapter(load_base(folder), name, folder, Artifacts(), tmp_path / "scratch")
    tokens = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        torch.testing.assert_close(loaded(tokens).logits, model(tokens).logits)


def test_an_adapter_of_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    other = tiny_models.write_model(tmp_path / "other", "llama")
    name = save_adapter(adapted(base), lineage(base), tmp_path / "a", base, Artifacts())
    with pytest.raises(TrainError, match="another model"):
        load_adapter(load_base(other), name, other, Artifacts(), tmp_path / "scratch")
    with pytest.raises(TrainError, match="another base"):
        save_adapter(
            adapted(base), lineage(base, base_hash="b" * 64), tmp_path / "b", base, Artifacts()
        )


def test_a_fresh_adapter_changes_nothing_and_alone_is_trained(base: Path) -> None:
    tokens = torch.tensor([[5, 6, 7, 8]])
    plain = load_base(base)
    before = plain(tokens).logits
    model = add_lora(plain, LoraShape(rank=2, targets=("q_proj",)), seed=0)
    torch.testing.assert_close(model(tokens).logits, before)
    assert all("q_proj.lora_" in name for name in trainable(model))
    with pytest.raises(TrainError, match="no_such"):
        add_lora(load_base(base), LoraShape(targets=("no_such",)), seed=0)


def test_a_gguf_file_is_parsed_once(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers parses it for each thing it wants to know of it, which takes minutes."""
    parsed: list[Any] = []
    reader = gguf.GGUFReader
    monkeypatch.setattr(gguf, "GGUFReader", lambda path: parsed.append(path) or reader(path))
    load_base(base)
    assert len(parsed) == 1


@pytest.mark.parametrize("model", ["http:gpt", "fake:random", ""])
def test_a_model_elsewhere_cannot_be_trained(model: str) -> None:
    with pytest.raises(ConfigError, match="cannot be trained here"):
        base_path(model)


def test_the_last_adapter_of_a_task_and_model_is_found() -> None:
    def note(seed: int, made: str, model: str = "tiny", method: str = "sft") -> Trained:
        trained = Trained(
            adapter=f"{seed}" * 64,
            task="toy",
            model=model,
            method=method,
            style={},
            train_hash="",
            num_texts=1,
            minutes=0.1,
            made=made,
        )
        record(RunDir("train", "toy", {"seed": seed}), trained)
        return trained

    assert find_trained("toy", "tiny") is None
    old = note(1, "2026-01-01T00:00:00Z")
    new = note(2, "2026-01-02T00:00:00Z", method="dpo")
    note(3, "2026-01-03T00:00:00Z", model="other")
    assert find_trained("toy", "tiny") == new
    assert find_trained("toy", "tiny", "sft") == old
    assert find_trained("toys", "tiny") is None
    assert json.loads(json.dumps(new.style)) == {}


def test_what_the_last_training_took_comes_before_what_a_dry_run_estimated() -> None:
    plan = TrainPlan(
        num_examples=1, num_texts=1, num_dev_texts=1, num_tokens=9, num_trained=3, padding=0.0,
        num_steps=1, minutes=7.5, left_out={},
    )  # fmt: skip
    assert last_minutes("toy") is None
    record_plan(RunDir("train", "toy", {"seed": 9}), plan, ["toy", "game"], "tiny")
    assert last_minutes("toy", "tiny") == last_minutes("game") == (7.5, False)
    assert last_minutes("toy", "other") is None
    done = Trained(
        adapter="a" * 64, task="toy", model="tiny", method="sft", style={}, train_hash="",
        num_texts=1, minutes=2.5, made="2026-01-01T00:00:00Z",
    )  # fmt: skip
    record(RunDir("train", "toy", {"seed": 1}), done)
    later = replace(done, minutes=3.5, made="2026-01-02T00:00:00Z")
    record(RunDir("train", "toy", {"seed": 2}), later)
    assert last_minutes("toy") == (3.5, True)
    assert last_minutes("game") == (7.5, False)


def test_an_adapter_of_several_tasks_is_found_for_each_with_its_own_split() -> None:
    shared = Trained(
        adapter="a" * 64, task="toy", model="tiny", method="sft", style={}, train_hash="toy's",
        num_texts=1, minutes=0.1, also={"game": "game's"},
    )  # fmt: skip
    record(RunDir("train", "toy", {}), shared)
    assert find_trained("toy", "tiny") == shared
    found = find_trained("game", "tiny")
    assert found is not None
    assert (found.adapter, found.task, found.train_hash) == ("a" * 64, "game", "game's")
    assert find_trained("toys", "tiny") is None
