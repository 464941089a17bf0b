"""The vocabulary of a GGUF model: tokens from text and back, without a context.

Opened alone it reads no weights, which is enough to count tokens and to test forms on tokenizers.
"""

from __future__ import annotations

import ctypes as C
import os
from pathlib import Path

from rung.core.errors import EngineError
from rung.engines.llama_packages import library

_MARK = "\x01"
"""Goes into no token with other characters."""


class LlamaVocab:
    """The vocabulary of one model file; `weights` says whether the rest is loaded too."""

    def __init__(self, path: Path, *, weights: bool = False) -> None:
        if not path.is_file():
            raise EngineError(f"no model file {path}", hint="rung models")
        self._lib = library()
        self._lib.errors.clear()
        self._model = self._lib.llama_model_load_from_file(
            os.fsencode(path), self._lib.model_params(vocab_only=not weights)
        )
        if not self._model:
            raise EngineError(
                f"{path} is not a model llama.cpp can load: {self._reason()}",
                hint="pull it again: rung models pull NAME --force",
            )
        self.vocab = self._lib.llama_model_get_vocab(self._model)
        self.num_vocab: int = self._lib.llama_vocab_n_tokens(self.vocab)
        self.eos: int = self._lib.llama_vocab_eos(self.vocab)
        self.first: list[int] = []
        """The token every prompt of this model starts with, if it wants one."""
        bos: int = self._lib.llama_vocab_bos(self.vocab)
        self.bos = bos if bos >= 0 else None
        if self._lib.llama_vocab_get_add_bos(self.vocab):
            self.first = [bos]
        self._mark = self._tokenize(_MARK, special=False)
        self._closed = False

    def _reason(self) -> str:
        """Return the first error logged, which names the cause; later ones say that it failed."""
        first = next((line for line in self._lib.errors if line), "no reason given")
        return first.partition(": ")[2] or first

    @property
    def tokenize_address(self) -> int:
        """Address of `llama_tokenize`, for libraries that build a tokenizer from the vocabulary."""
        return self._lib.tokenize_address

    def metadata(self, key: str) -> str:
        """Return a GGUF metadata value as text; empty when the key is absent."""
        size = 1 << 16
        buffer = C.create_string_buffer(size)
        length = self._lib.llama_model_meta_val_str(self._model, key.encode(), buffer, size)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Return token ids; control tokens written in `text` count only when `special`.

        Text that is not special may stand anywhere: it gets no space in front, which SentencePiece
        vocabularies put before every text.
        """
        if special:
            return self._tokenize(text, special=True)
        size = len(self._mark)
        tokens = self._tokenize(_MARK + text, special=False)
        return tokens[size:] if tokens[:size] == self._mark else self._tokenize(text, special=False)

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        data = text.encode()
        out = (C.c_int32 * (len(data) + 8))()
        count = self._lib.llama_tokenize(self.vocab, data, len(data), out, len(out), False, special)
        if count < 0:
            raise EngineError(f"tokenizing {len(data)} bytes failed with {count}")
        return list(out[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; control tokens give their name."""
        size = 256
        buffer = C.create_string_buffer(size)
        count = self._lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, True)
        if count < 0:  # the bytes it needs
            size = -count
            buffer = C.create_string_buffer(size)
            count = self._lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, True)
        return buffer.raw[: max(count, 0)]

    def is_end(self, token: int) -> bool:
        """Return whether a token ends the answer."""
        return bool(self._lib.llama_vocab_is_eog(self.vocab, token))

    def is_control(self, token: int) -> bool:
        """Return whether a token is a control token of the chat format."""
        return bool(self._lib.llama_vocab_is_control(self.vocab, token))

    def close(self) -> None:
        """Free the model."""
        if not self._closed:
            self._closed = True
            self._lib.llama_model_free(self._model)
