"""A vocabulary of single bytes, and a token model over it that emits whatever a function says.

The adversary for forms: it writes random bytes, or any text one likes, through the very path that
real models take. It needs `llguidance` and no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

import llguidance
import numpy as np

from rung.core.errors import EngineError
from rung.engines.base import Capabilities, Completion, Request
from rung.engines.sampling import Grammars, Logits
from rung.engines.steps import Branch, Opened, Step

END = 256
NUM_VOCAB = 257

Speak = Callable[[Sequence[int]], Logits]
"""The logits, (NUM_VOCAB,), after the tokens of a branch."""


class _Bytes:
    """What `llguidance.TokenizerWrapper` asks of a tokenizer."""

    eos_token_id = END
    bos_token_id = None
    tokens = [bytes([byte]) for byte in range(256)] + [b"<|end|>"]
    special_token_ids = [END]

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


def byte_tokenizer() -> Any:
    """Return llguidance's view of the byte vocabulary."""
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Bytes()))


def random_speech(seed: int, spread: float = 4.0) -> Speak:
    """Return logits that are random at every step."""
    random = np.random.default_rng(seed)

    def speak(_: Sequence[int]) -> Logits:
        return random.normal(0.0, spread, NUM_VOCAB).astype(np.float32)

    return speak


class ByteEngine:
    """Emits what `speak` says; satisfies `Engine` and `TokenModel`."""

    def __init__(self, speak: Speak, model: str = "fake:bytes") -> None:
        self.model = model
        self.capabilities = Capabilities(tokens=True, choice_logprobs=True)
        self.lock = RLock()
        self.grammars = Grammars(byte_tokenizer)
        self.max_branches = 64
        self.num_passes = 0
        self.open_branches: list[Branch] = []
        self._speak = speak

    def open(self, request: Request) -> Opened:
        """Start a branch; a prompt is one token."""
        branch = Branch(handle=None)
        self.open_branches.append(branch)
        return Opened(branch=branch, rest=(0,), num_cached=0)

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        """Append each step's tokens; ask `speak` after those whose logits are wanted."""
        self.num_passes += 1
        found = []
        for step in steps:
            rows = []
            for i, token in enumerate(step.tokens):
                for branch in step.branches:
                    branch.tokens.append(token)
                if i >= len(step.tokens) - step.num_logits:
                    rows.append(self._speak(step.branches[0].tokens))
            found.append(np.array(rows, dtype=np.float32).reshape(len(rows), NUM_VOCAB))
        return found

    def fork(self, branch: Branch, length: int | None = None) -> Branch:
        """Return a copy."""
        twin = Branch(handle=None, tokens=branch.tokens[:length])
        self.open_branches.append(twin)
        return twin

    def cut(self, branch: Branch, length: int) -> None:
        """Forget the tokens from `length` on."""
        del branch.tokens[length:]

    def release(self, branch: Branch) -> None:
        """End a branch."""
        self.drop(branch)

    def drop(self, branch: Branch) -> None:
        """End a branch."""
        self.open_branches.remove(branch)

    def complete(self, request: Request) -> Completion:
        """Refuse: this model is only for forms."""
        raise EngineError(f"{self.model} fills forms and writes nothing else")

    def close(self) -> None:
        """Nothing to free."""
