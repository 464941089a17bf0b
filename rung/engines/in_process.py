"""What engines that run a model in this process share: one caller at a time, one cache.

`complete` writes free text, or text inside a regular expression or schema, every token generated.
Forms go through the token-level seam (`steps.py`) on the same branches. Nothing here forces text:
what to write belongs to the caller's `prefix`. How a model is loaded and evaluated is not known
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rung.core.clock import monotonic_ms
from rung.core.errors import EngineError
from rung.core.records import Usage
from rung.engines.base import LIMIT_S, Capabilities, Completion, Request
from rung.engines.branches import Branches
from rung.engines.chat import ChatTemplate
from rung.engines.sampling import Grammars, Logits, regex_grammar, schema_grammar
from rung.engines.steps import Branch, Opened, Step
from rung.engines.support import check_request
from rung.engines.writing import Vocabulary, write


class _Plan(NamedTuple):
    """A request as tokens: `head` is the prompt, `tail` the forced start of the answer."""

    head: list[int]
    tail: list[int]


class InProcessEngine:
    """Answers on the branches of one model; satisfies `Engine` and `TokenModel`."""

    def __init__(
        self,
        model: str,
        *,
        vocabulary: Vocabulary,
        template: ChatTemplate,
        branches: Branches,
        grammars: Grammars,
        free: Callable[[], None],
        adapters: bool,
    ) -> None:
        self.model = model
        self.branches = branches
        self.grammars = grammars
        self.lock = branches.lock
        self.max_branches = branches.max_branches
        self.capabilities = Capabilities(
            prefix=True,
            regex=True,
            schema=True,
            logprobs=True,
            thinking=template.thinking,
            tokens=True,
            choice_logprobs=True,
            adapters=adapters,
            context_tokens=branches.context_tokens,
        )
        self.vocabulary = vocabulary
        self._template = template
        self._free = free
        self._closed = False
        self._head = lru_cache(maxsize=8)(self._tokenize_head)

    def complete(self, request: Request) -> Completion:
        """Answer one request.

        Raises EngineError when it does not fit the context, asks for what this engine cannot do,
        or takes longer than its `timeout_s` (`LIMIT_S` where it has none).
        """
        check_request(request, self.capabilities, self.model)
        with self.lock:
            self._demand_open()
            start = monotonic_ms()
            plan = self._plan(request)
            matcher = self._matcher(request)
            opened = self.branches.start(plan.head + plan.tail, request.max_tokens, request.adapter)
            try:
                return self._complete(request, plan, matcher, opened, start)
            finally:
                self.branches.release(opened.branch)

    def _complete(
        self, request: Request, plan: _Plan, matcher: Any, opened: Opened, start: float
    ) -> Completion:
        limit_s = LIMIT_S if request.timeout_s is None else request.timeout_s

        def extend(*tokens: int) -> Logits:
            if monotonic_ms() > start + limit_s * 1000.0:
                raise EngineError(
                    f"{self.model} took longer than the request allows", retryable=True
                )
            step = Step(branches=(opened.branch,), tokens=tokens, num_logits=1)
            last: Logits = self.branches.evaluate([step])[0][0]
            return last

        size = self.branches.batch_tokens
        for at in range(0, len(opened.rest), size):
            logits = extend(*opened.rest[at : at + size])
        prefill_ms = monotonic_ms() - start
        written = write(request, self.vocabulary, matcher, logits, extend)
        cached = min(opened.num_cached, len(plan.head))
        return Completion(
            text=written.text,
            usage=Usage(
                prompt_tokens=len(plan.head) - cached,
                cached_tokens=cached,
                forced_tokens=len(plan.tail),
                output_tokens=written.num_tokens,
            ),
            finish_reason=written.reason,
            latency_ms=monotonic_ms() - start,
            prefill_ms=prefill_ms,
            logprobs=written.logprobs,
        )

    def open(self, request: Request) -> Opened:
        """Start a branch with the request's messages and prefix; satisfies `TokenModel`."""
        self._demand_open()
        plan = self._plan(request)
        return self.branches.start(plan.head + plan.tail, adapter=request.adapter)

    def tokenize(self, request: Request) -> tuple[list[int], list[int]]:
        """Return the tokens of a request's prompt and of its prefix, as they are evaluated."""
        with self.lock:
            self._demand_open()
            return self._plan(request)

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        """Evaluate all steps; satisfies `TokenModel`."""
        return self.branches.evaluate(steps)

    def fork(self, branch: Branch, length: int | None = None) -> Branch:
        """Return a branch that shares the first `length` tokens; satisfies `TokenModel`."""
        return self.branches.fork(branch, length)

    def cut(self, branch: Branch, length: int) -> None:
        """Forget a branch's tokens from `length` on; satisfies `TokenModel`."""
        self.branches.cut(branch, length)

    def release(self, branch: Branch) -> None:
        """End a branch, keeping it as a cache; satisfies `TokenModel`."""
        self.branches.release(branch)

    def drop(self, branch: Branch) -> None:
        """End a branch and forget it; satisfies `TokenModel`."""
        self.branches.drop(branch)

    def close(self) -> None:
        """Free the model."""
        with self.lock:
            self._closed = True
            self.grammars.clear()
            self._free()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens `text` is, as plain text."""
        with self.lock:
            self._demand_open()
            return len(self.vocabulary.tokenize(text, special=False))

    def _demand_open(self) -> None:
        if self._closed:
            raise EngineError(f"{self.model} was closed", hint="open the engine again")

    def _plan(self, request: Request) -> _Plan:
        rendered = request.prompt or self._template.render(request.messages, request.thinking)
        tail = self.vocabulary.tokenize(request.prefix, special=False)
        return _Plan(list(self._head(rendered)), tail)

    def _tokenize_head(self, rendered: str) -> list[int]:
        head = self.vocabulary.tokenize(rendered, special=True)
        first = self.vocabulary.first
        return head if head[: len(first)] == first else first + head

    def _matcher(self, request: Request) -> Any:
        if request.regex:
            return self.grammars.matcher(regex_grammar(request.regex))
        if request.schema is not None:
            return self.grammars.matcher(schema_grammar(request.schema))
        return None
