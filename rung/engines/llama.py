"""The in-process engine: llama.cpp on this machine's CPU, one model, one request at a time.

The last conversation stays in the key-value cache, so a request that shares a beginning with the
one before it (a task's static prompt, a form's growing answer) evaluates only what is new.
Choices are scored in full (`options.py`); regular expressions and schemas constrain sampling
(`sampling.py`). It never forces text by itself: what to write belongs to the caller's `prefix`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rung.core.clock import monotonic_ms
from rung.core.config import num_threads
from rung.core.errors import EngineError
from rung.core.records import Usage
from rung.engines import options
from rung.engines.base import Capabilities, Completion, FinishReason, Request, TokenLogprob
from rung.engines.chat import ChatTemplate
from rung.engines.llama_api import MAX_SEQUENCES, LlamaModel, Logits
from rung.engines.sampling import Grammars, pick
from rung.engines.support import check_request

_LIVE = 0
_OPTION_SEQUENCES = MAX_SEQUENCES - 1
_RULED_OUT = -100.0
"""Log-probability of an option that was not walked."""


class _Plan(NamedTuple):
    """A request as tokens: `head` is the prompt, `tail` the forced start of the answer."""

    head: list[int]
    tail: list[int]


class LlamaEngine:
    """Runs one GGUF file; satisfies `Engine`. Calls are serialised by a lock.

    A forced token of a call is one of its prefix that this engine did not itself generate before,
    or one of a choice that the tokens before it leave no alternative to.
    """

    def __init__(
        self, model: str, path: Path, *, context_tokens: int = 4096, threads: int | None = None
    ) -> None:
        self.model = model
        self._api = LlamaModel(
            path, context_tokens=context_tokens, threads=threads or num_threads()
        )
        self._control = {token for token in range(self._api.num_vocab) if self._is_control(token)}
        self._template = ChatTemplate(
            self._api.metadata("tokenizer.chat_template"),
            bos=self._token_name("tokenizer.ggml.bos_token_id"),
            eos=self._token_name("tokenizer.ggml.eos_token_id"),
            control=[_text(self._api.piece(token)) for token in self._control],
        )
        self.capabilities = Capabilities(
            prefix=True,
            choices=True,
            choice_logprobs=True,
            regex=True,
            schema=True,
            logprobs=True,
            thinking=self._template.thinking,
            in_process=True,
            context_tokens=self._api.context_tokens,
        )
        self._lock = threading.Lock()
        self._closed = False
        self._deadline_ms = 0.0
        self._live: list[int] = []
        self._pending: list[int] = []
        self._generated: set[int] = set()
        self._grammars = Grammars(self._api, self._control)
        self._piece = lru_cache(maxsize=None)(self._api.piece)
        self._head = lru_cache(maxsize=8)(self._tokenize_head)

    def _is_control(self, token: int) -> bool:
        return self._api.is_control(token) or self._api.is_end(token)

    def _token_name(self, key: str) -> str:
        text = self._api.metadata(key)
        return _text(self._api.piece(int(text))) if text.isdigit() else ""

    def _tokenize_head(self, rendered: str) -> list[int]:
        head = self._api.tokenize(rendered, special=True)
        first = self._api.first
        return head if head[: len(first)] == first else first + head

    def complete(self, request: Request) -> Completion:
        """Answer one request.

        Raises EngineError when it does not fit the context, asks for what this engine cannot do,
        or takes longer than its `timeout_s`.
        """
        check_request(request, self.capabilities, self.model)
        with self._lock:
            self._demand_open()
            start = monotonic_ms()
            self._deadline_ms = start + request.timeout_s * 1000.0
            answer = self._choose if request.choices else self._write
            return answer(request, self._plan(request), start)

    def close(self) -> None:
        """Free the model."""
        with self._lock:
            self._closed = True
            self._grammars.clear()
            self._api.close()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens `text` is, as plain text."""
        with self._lock:
            self._demand_open()
            return len(self._api.tokenize(text, special=False))

    def _demand_open(self) -> None:
        if self._closed:
            raise EngineError(f"{self.model} was closed", hint="open the engine again")

    def _plan(self, request: Request) -> _Plan:
        rendered = request.prompt or self._template.render(request.messages, request.thinking)
        return _Plan(list(self._head(rendered)), self._api.tokenize(request.prefix, special=False))

    def _check_room(self, needed: int) -> None:
        if needed > self._api.context_tokens:
            raise EngineError(
                f"the request needs {needed} tokens, the context has {self._api.context_tokens}",
                hint="shorten the input or use fewer examples",
                of_input=True,
            )

    def _write(self, request: Request, plan: _Plan, start: float) -> Completion:
        self._check_room(len(plan.head) + len(plan.tail) + request.max_tokens)
        matcher = self._grammars.matcher(request)
        usage, logits = self._evaluate(plan)
        prefill_ms = monotonic_ms() - start
        text, reason, num_output, logprobs = self._generate(request, matcher, logits)
        return Completion(
            text=text,
            usage=usage + Usage(output_tokens=num_output),
            finish_reason=reason,
            latency_ms=monotonic_ms() - start,
            prefill_ms=prefill_ms,
            logprobs=logprobs,
        )

    def _evaluate(self, plan: _Plan) -> tuple[Usage, Logits]:
        """Bring the live sequence to head + tail; return what that took and the last logits."""
        tokens = plan.head + plan.tail
        shared = min(_common(self._live, tokens), len(tokens) - 1)
        written = _common(self._live + self._pending, tokens)
        self._api.forget(_LIVE, shared)
        del self._live[shared:]
        self._pending = []
        self._generated = {at for at in self._generated if at < written}
        logits = self._extend(tokens[shared:])
        cached = min(shared, len(plan.head))
        own = sum(at >= len(plan.head) for at in self._generated)
        usage = Usage(
            prompt_tokens=len(plan.head) - cached,
            cached_tokens=cached,
            forced_tokens=len(plan.tail) - own,
        )
        return usage, logits

    def _extend(self, tokens: Sequence[int]) -> Logits:
        """Evaluate tokens at the end of the live sequence; return the last one's logits."""
        size = self._api.batch_tokens
        for at in range(0, len(tokens), size):
            part = list(tokens[at : at + size])
            first = len(self._live)
            wanted = [len(part) - 1] if at + size >= len(tokens) else []
            out = self._decode(
                part, range(first, first + len(part)), [(_LIVE,)] * len(part), wanted
            )
            self._live += part
        last: Logits = out[0]
        return last

    def _decode(self, *batch: Any) -> Logits:
        if monotonic_ms() > self._deadline_ms:
            raise EngineError(f"{self.model} took longer than the request allows", retryable=True)
        try:
            return self._api.decode(*batch)
        except EngineError:
            self._api.clear()
            self._live, self._pending = [], []
            raise

    def _generate(
        self, request: Request, matcher: Any, logits: Logits
    ) -> tuple[str, FinishReason, int, tuple[TokenLogprob, ...]]:
        random = np.random.default_rng(request.seed)
        data, logprobs = b"", []
        for count in range(1, request.max_tokens + 1):
            token = pick(logits, matcher, request.temperature, random)
            if request.top_logprobs:
                logprobs.append(self._describe(token, logits, request.top_logprobs))
            if self._api.is_end(token):
                return _text(data), "stop", count, tuple(logprobs)
            data += self._piece(token)
            self._pending = [token]
            self._generated.add(len(self._live))
            if matcher is not None and (not matcher.consume_token(token) or matcher.is_stopped()):
                return _text(data), "stop", count, tuple(logprobs)
            if (cut := _stop_at(data, request.stop)) is not None:
                return _text(data[:cut]), "stop", count, tuple(logprobs)
            if count < request.max_tokens:
                logits = self._extend([token])
                self._pending = []
        return _text(data), "length", request.max_tokens, tuple(logprobs)

    def _describe(self, token: int, logits: Logits, top: int) -> TokenLogprob:
        row = options.log_softmax(logits)
        best = np.argsort(row)[::-1][:top]
        names = [(_text(self._piece(int(i))), float(row[i])) for i in best]
        return TokenLogprob(
            token=_text(self._piece(token)), logprob=float(row[token]), top=tuple(names)
        )

    def _choose(self, request: Request, plan: _Plan, start: float) -> Completion:
        texts = [request.prefix + choice + request.choice_end for choice in request.choices]
        tails = [self._api.tokenize(text, special=False) for text in texts]
        shared = max(0, min(_common_all(tails), min(map(len, tails)) - 1))
        # a tokenizer may write a space before the first word, which the text does not have
        extra = sum(len(self._piece(token)) for token in tails[0]) - len(texts[0].encode())
        ends = [len((request.prefix + choice).encode()) + extra for choice in request.choices]
        paths = options.cut_paths(
            tails, shared, ends, lambda token: len(self._piece(token)), self._api.eos
        )
        stems = {tip[:n] for tip in options.tips(paths) for n in range(1, len(tip) + 1)}
        self._check_room(len(plan.head) + shared + len(stems))
        usage, root = self._evaluate(_Plan(plan.head, tails[0][:shared]))
        prefill_ms = monotonic_ms() - start
        scores = self._score(paths, root)
        winner = int(np.argmax(scores))
        path = paths[winner]
        decided = len(options.decided(path, paths))
        return Completion(
            text=request.choices[winner],
            usage=usage + Usage(output_tokens=decided, forced_tokens=len(path) - decided),
            finish_reason="choice",
            latency_ms=monotonic_ms() - start,
            prefill_ms=prefill_ms,
            choice_logprobs=tuple(scores),
            choice_mass=options.root_mass(paths, root),
        )

    def _score(self, paths: Sequence[options.Path], root: Logits) -> list[float]:
        """Return each option's log-probability; the winner's cells go to the live sequence.

        Options are walked in sequences of their own that share the live one's cells, one for each
        tip of the trie. Where there are more tips than sequences, those with the least likely
        first tokens are ruled out.
        """
        base = len(self._live)
        first = options.log_softmax(root)
        tips = sorted(options.tips(paths), key=lambda tip: -first[tip[0]])[:_OPTION_SEQUENCES]
        owners: dict[options.Path, list[int]] = {}
        for sequence, tip in enumerate(tips, 1):
            self._api.share(_LIVE, sequence, 0, base)
            for count in range(1, len(tip) + 1):
                owners.setdefault(tip[:count], []).append(sequence)
        kept = [i for i, path in enumerate(paths) if len(path) == 1 or path[:-1] in owners]
        walked = [paths[i] for i in kept]
        evaluated: set[options.Path] = set()

        def expand(nodes: Sequence[options.Path]) -> Logits:
            evaluated.update(nodes)
            size = self._api.batch_tokens
            parts = [nodes[at : at + size] for at in range(0, len(nodes), size)]
            return np.concatenate(
                [
                    self._decode(
                        [node[-1] for node in part],
                        [base + len(node) - 1 for node in part],
                        [owners[node] for node in part],
                        range(len(part)),
                    )
                    for part in parts
                ]
            )

        try:
            found = dict(zip(kept, options.share_paths(walked, root, expand), strict=True))
            winner = max(found, key=lambda i: found[i])
            path = paths[winner]
            depth = max((len(n) for n in evaluated if path[: len(n)] == n), default=0)
            self._adopt(owners.get(path[:depth], [_LIVE])[0], path, base, depth)
            self._generated |= {base + at for at in options.decided(path, paths)}
            return [found.get(i, _RULED_OUT) for i in range(len(paths))]
        finally:
            for sequence in range(1, len(tips) + 1):
                self._api.forget(sequence)

    def _adopt(self, sequence: int, path: options.Path, base: int, depth: int) -> None:
        """Go on from an option's first `depth` cells; its other tokens were never evaluated."""
        self._api.forget(_LIVE, base)
        if depth:
            self._api.share(sequence, _LIVE, base, base + depth)
        self._live[base:], self._pending = path[:depth], list(path[depth:])


def _stop_at(data: bytes, stops: Sequence[str]) -> int | None:
    found = [at for stop in stops if (at := data.find(stop.encode())) >= 0]
    return min(found) if found else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "ignore")


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    size = min(len(left), len(right))
    for i in range(size):
        if left[i] != right[i]:
            return i
    return size


def _common_all(rows: Sequence[Sequence[int]]) -> int:
    return min((_common(rows[0], row) for row in rows), default=0)
