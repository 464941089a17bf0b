"""The tokens of a fast Hugging Face tokenizer: as text, as plain text, as llguidance sees them.

Control tokens exist only where a chat template wrote them: in the text of a form or a prefix their
names are plain text (llguidance's own reading of a tokenizer would take them for the tokens).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import llguidance

from rung.core.errors import EngineError

_ENDS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|end_of_text|>")
"""Names that end a turn whatever a model's files say; llama.cpp has the same list."""


class TransformersVocabulary:
    """The vocabulary of a model with `num_tokens` logits; satisfies `Vocabulary`."""

    def __init__(self, tokenizer: Any, *, num_tokens: int, ends: Iterable[int] = ()) -> None:
        self._marked = tokenizer.backend_tokenizer
        self._plain = _plain(self._marked)
        if self._marked.get_vocab_size() > num_tokens:
            raise EngineError(
                f"the tokenizer has {self._marked.get_vocab_size()} tokens, the model {num_tokens}",
                hint="use the tokenizer that was saved with the model",
            )
        named = {self._marked.token_to_id(name) for name in _ENDS}
        wanted = dict.fromkeys([tokenizer.eos_token_id, *ends, *sorted(named - {None})])
        self.ends = [token for token in wanted if token is not None]
        if not self.ends:
            raise EngineError("the tokenizer names no token that ends an answer")
        added = tokenizer.added_tokens_decoder
        self.control = {i for i, token in added.items() if token.special} | set(self.ends)
        self.first = self._first()
        self.bos: int | None = tokenizer.bos_token_id
        seen: Any = llguidance.LLTokenizer(
            self._plain.to_str(), n_vocab=num_tokens, eos_token=self.ends
        )
        self._pieces = [bytes(seen.decode_bytes([token])) for token in range(num_tokens)]

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Return token ids; control tokens written in `text` count only when `special`."""
        tokenizer = self._marked if special else self._plain
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; control tokens give their name."""
        return self._pieces[token]

    def is_end(self, token: int) -> bool:
        """Return whether a token ends the answer."""
        return token in self.ends

    def names(self) -> list[str]:
        """Return the names of the control tokens."""
        return [self._marked.id_to_token(token) for token in sorted(self.control)]

    def for_grammars(self) -> Any:
        """Return llguidance's view; control tokens and unused logits are never text."""
        wrapper: Any = llguidance.TokenizerWrapper(_Wrapped(self, self._pieces))
        return llguidance.LLTokenizer(wrapper, eos_token=self.ends)

    def unused(self) -> set[int]:
        """Return the logits that stand for no token."""
        return {i for i in range(len(self._pieces)) if self._marked.id_to_token(i) is None}

    def _first(self) -> list[int]:
        """Return what the tokenizer puts before every text."""
        bare = self._marked.encode("a", add_special_tokens=False).ids
        full = self._marked.encode("a", add_special_tokens=True).ids
        return list(full[: full.index(bare[0])]) if bare and bare[0] in full else []


class _Wrapped:
    """What `llguidance.TokenizerWrapper` asks of a tokenizer."""

    bos_token_id = None

    def __init__(self, vocabulary: TransformersVocabulary, pieces: list[bytes]) -> None:
        self.eos_token_id = vocabulary.ends[0]
        self.tokens = pieces
        self.special_token_ids = sorted(vocabulary.control | vocabulary.unused())
        self._vocabulary = vocabulary

    def __call__(self, text: bytes | str) -> list[int]:
        return self._vocabulary.tokenize(
            text if isinstance(text, str) else text.decode(), special=False
        )


def _plain(tokenizer: Any) -> Any:
    """Return a copy for text inside a document: no space before it, no control tokens in it."""
    spec = json.loads(tokenizer.to_str())
    spec |= {"truncation": None, "padding": None, "post_processor": None}
    for part in ("normalizer", "pre_tokenizer"):
        spec[part] = _without_first_space(spec[part])
    plain = type(tokenizer).from_str(json.dumps(spec))
    plain.encode_special_tokens = True
    return plain


def _without_first_space(part: Any) -> Any:
    """Return a normalizer or pre-tokenizer that puts no space before its text."""
    if not part or part["type"] == "Prepend":
        return None
    for kind in ("normalizers", "pretokenizers"):
        if kind in part:
            kept = [_without_first_space(inner) for inner in part[kind]]
            part = part | {kind: [inner for inner in kept if inner]}
    if "prepend_scheme" in part:
        part = part | {"prepend_scheme": "never"}
    return part | {"add_prefix_space": False} if "add_prefix_space" in part else part
