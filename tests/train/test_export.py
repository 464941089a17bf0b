"""Adapters from PEFT's layout to GGUF: scales that come out right, and what is refused by name."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung.core.errors import RungError, TrainError

pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
pytest.importorskip("torch", reason="pip install 'rung[train]'")
import safetensors.numpy
import safetensors.torch
import torch

import tiny_gguf
from rung.engines.adapters import base_hash, read_adapter
from rung.store import Artifacts
from rung.train.export import file_deltas, read_gguf, take_in, to_gguf
from rung.train.export_names import permute, read_base
from rung.train.export_read import read_folder
from rung.train.merge import merge

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tiny_gguf.write_gguf(tmp_path_factory.mktemp("export") / "tiny.gguf")


@pytest.mark.parametrize(
    "config, scales",
    [
        ({"lora_alpha": 8}, (2.0, 2.0)),
        ({"lora_alpha": 8, "use_rslora": True}, (4.0, 4.0)),
        ({"lora_alpha": 8, "alpha_pattern": {"k_proj": 2}}, (2.0, 0.5)),
        ({"lora_alpha": 8, "alpha_pattern": {"layers.0.self_attn.k_proj": 2}}, (2.0, 0.5)),
        ({"lora_alpha": 8, "alpha_pattern": {"layers.1.self_attn.k_proj": 2}}, (2.0, 2.0)),
    ],
    ids=["plain", "rslora", "alpha by module", "alpha by path", "alpha of another layer"],
)
def test_the_file_changes_weights_as_peft_does(
    base: Path, tmp_path: Path, config: dict[str, Any], scales: tuple[float, float]
) -> None:
    """PEFT: alpha / r, for rsLoRA alpha / sqrt(r) (Kalajdzievski 2023), patterns by module."""
    folder = tiny_gguf.write_adapter(tmp_path / "a", 1, **config)
    written = read_gguf(to_gguf(read_folder(folder), read_base(base)))
    raw = safetensors.numpy.load_file(folder / "adapter_model.safetensors")
    for name, part, scale, heads in (
        ("blk.0.attn_q.weight", "q_proj", scales[0], tiny_gguf.HEADS),
        ("blk.0.attn_k.weight", "k_proj", scales[1], tiny_gguf.KV_HEADS),
    ):
        a, b = (
            raw[f"base_model.model.model.layers.0.self_attn.{part}.lora_{side}.weight"]
            for side in "AB"
        )
        found = written[name]
        np.testing.assert_allclose(
            found.scale * found.b @ found.a, permute(scale * b @ a, heads), rtol=1e-4, atol=1e-6
        )


def test_sixteen_bit_adapters_are_read(base: Path, tmp_path: Path) -> None:
    folder = tiny_gguf.write_adapter(tmp_path / "a", 1)
    file = folder / "adapter_model.safetensors"
    whole = safetensors.numpy.load_file(file)
    wide = read_folder(folder).deltas
    halves = {name: torch.from_numpy(value).bfloat16() for name, value in whole.items()}
    safetensors.torch.save_file(halves, file)
    for module, delta in read_folder(folder).deltas.items():
        np.testing.assert_allclose(delta.b, wide[module].b, rtol=2**-7)


def test_an_adapter_is_taken_in_once_with_its_lineage(base: Path, tmp_path: Path) -> None:
    folder = tiny_gguf.write_adapter(tmp_path / "a", 1)
    (folder / "lineage.json").write_text(json.dumps({"base_hash": base_hash(base), "seed": 7}))
    artifacts = Artifacts(tmp_path / "artifacts")
    name = take_in(folder, base, artifacts)
    assert take_in(folder, base, artifacts) == name == artifacts.find(name[:8])
    found = read_adapter(name, artifacts)
    assert found.bases == (base_hash(base),)
    assert found.lineage["seed"] == 7
    assert artifacts.get(found.config) == (folder / "adapter_config.json").read_bytes()


def change(folder: Path, edit: Any) -> None:
    file = folder / "adapter_model.safetensors"
    tensors = safetensors.numpy.load_file(file)
    edit(tensors)
    safetensors.numpy.save_file(tensors, file)


KEY = "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"


def pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps({}))


def linked(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    file.rename(folder.parent / "elsewhere.safetensors")
    file.symlink_to(folder.parent / "elsewhere.safetensors")


@pytest.mark.parametrize(
    "config, message",
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"bias": "all"}, r"biases \(all\)"),
        ({"init_lora_weights": "pissa_niter_16"}, "another base"),
        ({"peft_type": "IA3"}, "type 'IA3'"),
        ({"lora_alpha": 0}, "lora_alpha is 0"),
        ({"r": 8}, "the rank is 8"),
        ({"alpha_pattern": {"q_proj": 0}}, "alpha_pattern 'q_proj' is 0"),
        ({"rank_pattern": {"q_proj": "many"}}, "rank_pattern 'q_proj' is 'many'"),
        ({"rank_pattern": ["q_proj"]}, "not a table"),
        ({"rank_pattern": {"(": 2}}, "no pattern"),
    ],
)
def test_what_a_configuration_asks_beyond_lora_is_refused(
    base: Path, tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    folder = tiny_gguf.write_adapter(tmp_path / "a", 1, **config)
    with pytest.raises(TrainError, match=message):
        take_in(folder, base, Artifacts(tmp_path / "artifacts"))
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize(
    "damage, message",
    [
        (pickled, "a pickle that could run code"),
        (linked, "leads out of the adapter folder"),
        (lambda f: (f / "adapter_config.json").write_text("{"), "is not JSON"),
        (lambda f: (f / "adapter_model.safetensors").write_bytes(b"x" * 40), "not safetensors"),
        (lambda f: change(f, lambda t: t.pop(KEY)), "only one of its two matrices"),
        (lambda f: change(f, lambda t: t.update({KEY: t[KEY][:-1]})), "one of \\(96, 64\\)"),
        (lambda f: change(f, lambda t: t[KEY].fill(np.nan)), "not finite"),
        (
            lambda f: change(
                f, lambda t: t.update({KEY.replace("lora_B", "lora_magnitude"): t[KEY]})
            ),
            "not a LoRA of a linear layer",
        ),
        (
            lambda f: change(
                f,
                lambda t: t.update(
                    {k.replace("layers.0", "layers.9"): t[k] for k in list(t) if "up_proj" in k}
                ),
            ),
            "which tiny.gguf does not have",
        ),
        (
            lambda f: change(
                f,
                lambda t: t.update(
                    {
                        f"base_model.model.model.embed_tokens.lora_{side}.weight": np.ones(
                            (4, 8) if side == "A" else (8, 4), np.float32
                        )
                        for side in "AB"
                    }
                ),
            ),
            "on embeddings",
        ),
        (lambda f: (f / "lineage.json").write_text('{"base_hash": "00"}'), "another base"),
        (lambda f: (f / "lineage.json").write_text("[]"), "is not a JSON object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_folder_that_does_not_fit_is_refused(
    base: Path, tmp_path: Path, damage: Any, message: str
) -> None:
    folder = tiny_gguf.write_adapter(tmp_path / "a", 1)
    damage(folder)
    with pytest.raises(RungError, match=message):
        take_in(folder, base, Artifacts(tmp_path / "artifacts"))
    assert not (tmp_path / "artifacts").exists()


def test_an_architecture_nobody_checked_is_refused(tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(path, "phi3")
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(TrainError, match="adapters of phi3 models cannot be exported"):
        read_base(path)


def test_merging_nothing_in_32_bits_copies_the_model(base: Path, tmp_path: Path) -> None:
    import gguf

    copy = merge(base, {}, tmp_path / "copy.gguf", "f32")
    old, new = gguf.GGUFReader(base), gguf.GGUFReader(copy)
    assert [t.name for t in old.tensors] == [t.name for t in new.tensors]
    for left, right in zip(old.tensors, new.tensors, strict=True):
        np.testing.assert_array_equal(left.data, right.data)
    assert {k for k in old.fields if not k.startswith("GGUF")} == {
        k for k in new.fields if not k.startswith("GGUF")
    }
    folder = read_folder(tiny_gguf.write_adapter(tmp_path / "a", 1))
    deltas = file_deltas(folder, read_base(base))
    merged = gguf.GGUFReader(merge(base, deltas, tmp_path / "merged.gguf", "f32"))
    name = "blk.1.ffn_down.weight"
    pairs = [next(t.data for t in file.tensors if t.name == name) for file in (old, merged)]
    delta = deltas[name]
    np.testing.assert_allclose(pairs[1] - pairs[0], delta.scale * delta.b @ delta.a, atol=1e-5)
