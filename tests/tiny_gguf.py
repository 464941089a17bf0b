"""A tiny random llama model as a GGUF file, and random LoRA adapters for it in PEFT's layout.

The file is written by hand after llama.cpp's `convert_hf_to_gguf.py`, so that the package's own
names and permutation are checked against something else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import safetensors.numpy
from transformers import AutoModelForCausalLM, AutoTokenizer

import tiny_models

HIDDEN, HEADS, KV_HEADS, LAYERS, INNER = 64, 4, 2, 2, 96
SIZES = {
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
}
_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_SHAPES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN * KV_HEADS // HEADS, HIDDEN),
    "self_attn.v_proj": (HIDDEN * KV_HEADS // HEADS, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def write_gguf(path: Path, *, add_bos: bool = False) -> Path:
    """Write the model; return its file."""
    folder = tiny_models.write_model(path.with_suffix(".hf"), "llama", **SIZES)
    model = AutoModelForCausalLM.from_pretrained(folder)
    writer = gguf.GGUFWriter(path, "llama")
    _sizes(writer)
    _tokens(writer, AutoTokenizer.from_pretrained(folder), add_bos)
    for key, value in model.state_dict().items():
        writer.add_tensor(_tensor_name(key), _rows(key, value.float().numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _sizes(writer: gguf.GGUFWriter) -> None:
    writer.add_type("model")
    writer.add_name("tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(tiny_models.CONTEXT_TOKENS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(0)


def _tokens(writer: gguf.GGUFWriter, tokenizer: Any, add_bos: bool) -> None:
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    vocab = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    control = {token["content"] for token in spec["added_tokens"]}
    writer.add_vocab_size(len(vocab))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocab)
    writer.add_token_types([3 if token in control else 1 for token in vocab])
    writer.add_token_merges([" ".join(pair) for pair in spec["model"]["merges"]])
    writer.add_bos_token_id(vocab.index("<|im_start|>"))
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(add_bos)
    writer.add_chat_template(tiny_models.TEMPLATE)


def _tensor_name(key: str) -> str:
    plain = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    module = key.removesuffix(".weight")
    if module in plain:
        return f"{plain[module]}.weight"
    _, _, layer, part = module.split(".", 3)
    return f"blk.{layer}.{_NAMES[part]}.weight"


def _rows(key: str, value: Any) -> Any:
    heads = HEADS if ".q_proj" in key else KV_HEADS if ".k_proj" in key else 0
    if not heads:
        return value
    halves = value.reshape(heads, 2, value.shape[0] // heads // 2, *value.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(value.shape))


def write_adapter(
    folder: Path, seed: int, *, rank: int = 4, size: float = 0.3, **config: Any
) -> Path:
    """Write a random LoRA of every linear layer in PEFT's layout; return the folder."""
    random = np.random.default_rng(seed)
    tensors: dict[str, Any] = {}
    for layer in range(LAYERS):
        for part, (outputs, inputs) in _SHAPES.items():
            key = f"base_model.model.model.layers.{layer}.{part}"
            a = random.normal(0, inputs**-0.5, (rank, inputs))
            b = random.normal(0, size * rank**-0.5, (outputs, rank))
            tensors[f"{key}.lora_A.weight"] = a.astype(np.float32)
            tensors[f"{key}.lora_B.weight"] = b.astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file(tensors, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank}
    settings |= {"target_modules": list(TARGETS), "bias": "none", "lora_dropout": 0.0}
    (folder / "adapter_config.json").write_text(json.dumps(settings | config), "utf-8")
    return folder
