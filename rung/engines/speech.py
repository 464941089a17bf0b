"""A model's words without its weights: tokens, chat template, grammars.

What a text will be when the model is asked is known from these alone, so texts to train on are
written with them, token for token as serving evaluates them. Nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rung.engines.chat import ChatTemplate
from rung.engines.sampling import Grammars
from rung.engines.writing import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How one model reads and writes."""

    vocabulary: Vocabulary
    template: ChatTemplate
    grammars: Grammars
    num_vocab: int
    """Logits after each token."""
    free: Callable[[], None]


def open_speech(path: Path) -> Speech:
    """Return the speech of a GGUF file as llama.cpp serves it, or of a transformers folder.

    Raises EngineError for a file or folder that is no model, or lacks what it needs.
    """
    if path.is_dir():
        from rung.engines.transformers_engine import speech_of_folder

        return speech_of_folder(path)
    from rung.engines.llama import speech_of
    from rung.engines.llama_vocab import LlamaVocab

    return speech_of(LlamaVocab(path))
