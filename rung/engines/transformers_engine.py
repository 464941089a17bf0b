"""The transformers engine: any causal model that Hugging Face transformers loads, on torch.

Puts the parts together; answering is `in_process.py`, the files `transformers_files.py`, the tokens
`transformers_vocabulary.py`, the cache `transformers_branches.py`, torch `transformers_model.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.core.config import num_threads
from rung.engines.catalogue import CONTEXT_TOKENS
from rung.engines.chat import ChatTemplate
from rung.engines.in_process import InProcessEngine
from rung.engines.sampling import Grammars
from rung.engines.speech import Speech
from rung.engines.transformers_adapters import TransformersSwitch, can_load
from rung.engines.transformers_branches import TransformersBranches
from rung.engines.transformers_check import check_cache
from rung.engines.transformers_files import load, load_words
from rung.engines.transformers_model import TorchModel, has_gpu
from rung.engines.transformers_vocabulary import TransformersVocabulary

_TEXT = "The second invoice, for 49.90, was sent on Monday."


class TransformersEngine(InProcessEngine):
    """Runs a folder of safetensors or a GGUF file; satisfies `Engine` and `TokenModel`."""

    def __init__(
        self,
        model: str,
        path: Path,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        threads: int | None = None,
    ) -> None:
        tokenizer, loaded = load(path, dtype="auto" if has_gpu() else "float32")
        num_vocab = loaded.get_output_embeddings().weight.shape[0]
        speech = _speech(tokenizer, num_vocab=num_vocab, ends=_ends(loaded))
        vocabulary = speech.vocabulary
        trained = getattr(loaded.config.get_text_config(), "max_position_embeddings", None)
        torch_model = TorchModel(loaded, threads=threads or num_threads())
        check_cache(
            torch_model, [*vocabulary.first, *vocabulary.tokenize(_TEXT, special=False)], model
        )
        branches = TransformersBranches(
            torch_model,
            TransformersSwitch(loaded, path),
            context_tokens=min(context_tokens, trained or context_tokens),
            num_vocab=num_vocab,
        )
        super().__init__(
            model,
            vocabulary=vocabulary,
            template=speech.template,
            branches=branches,
            grammars=speech.grammars,
            free=branches.close,
            adapters=can_load(),
        )


def speech_of_folder(path: Path) -> Speech:
    """Return what a folder says of its tokens and its chat template; no weights are read."""
    tokenizer, config, generation = load_words(path)
    return _speech(
        tokenizer,
        num_vocab=config.get_text_config().vocab_size,
        ends=_named_ends(generation, config),
    )


def _speech(tokenizer: Any, *, num_vocab: int, ends: list[int]) -> Speech:
    vocabulary = TransformersVocabulary(tokenizer, num_tokens=num_vocab, ends=ends)
    template = ChatTemplate(
        _template(tokenizer),
        bos=tokenizer.bos_token or "",
        eos=tokenizer.eos_token or "",
        control=vocabulary.names(),
    )
    return Speech(
        vocabulary=vocabulary,
        template=template,
        grammars=Grammars(vocabulary.for_grammars),
        num_vocab=num_vocab,
        free=lambda: None,
    )


def _template(tokenizer: Any) -> str:
    """Return the chat template; of several named ones the default."""
    template = tokenizer.chat_template or ""
    return template if isinstance(template, str) else template.get("default", "")


def _ends(model: Any) -> list[int]:
    return _named_ends(model.generation_config, model.config)


def _named_ends(*configs: Any) -> list[int]:
    ends: list[int] = []
    for config in configs:
        found = config.eos_token_id if config is not None else None
        ends += found if isinstance(found, list) else [found] if found is not None else []
    return ends
