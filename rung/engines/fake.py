"""A model that says what it is told to: for tests, examples and dry runs.

Answers come from a script; requests are recorded; token counts come from `pieces`; latency is a
virtual cost per token, never the clock. Like a real engine it refuses what its capabilities do not
cover. Unlike one it does not enforce `regex` or `schema`: the scripted text comes back whatever
it is, so that the caller's own validation is exercised.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

from rung.core.errors import EngineError
from rung.core.records import Usage
from rung.engines.base import Capabilities, Completion, FinishReason, Request, TokenLogprob
from rung.engines.support import check_request

Script = Sequence[str | EngineError] | Callable[[Request], str]
ChoiceScores = Callable[[Request], Sequence[float]]

ALL = Capabilities(
    prefix=True,
    choices=True,
    choice_logprobs=True,
    regex=True,
    schema=True,
    logprobs=True,
    thinking=True,
    adapters=True,
    context_tokens=8192,
)
"""Everything an engine can declare."""

_PIECE = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")


def pieces(text: str) -> list[str]:
    """Split text into the fake's tokens: a word or one other sign, with the space before it.

    Nothing is lost: the pieces join to the text again.
    """
    return _PIECE.findall(text)


class FakeEngine:
    """Answers from `script`; satisfies `Engine`. Safe to call from several threads.

    `script` is a list that is used up in order (an EngineError in it is raised), or a function of
    the request. The scripted text is what follows `prefix`. With `choices` the scripted text is
    taken when it is allowed, else the first choice; `choice_scores` returns the natural
    log-probability of each choice, and without it the winner has 0.9 and the others share 0.1.
    """

    def __init__(
        self,
        model: str = "fake:echo",
        *,
        script: Script = (),
        capabilities: Capabilities = ALL,
        choice_scores: ChoiceScores | None = None,
        prompt_token_ms: float = 0.1,
        output_token_ms: float = 10.0,
    ) -> None:
        self.model = model
        self.capabilities = capabilities
        self.requests: list[Request] = []
        """Every request that was asked, in order."""
        self.closed = False
        self._script = script
        self._choice_scores = choice_scores
        self._prompt_token_ms = prompt_token_ms
        self._output_token_ms = output_token_ms
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Completion:
        """Return the next scripted answer; raises EngineError when the script is used up."""
        check_request(request, self.capabilities, self.model)
        with self._lock:
            at = len(self.requests)
            self.requests.append(request)
        scripted = self._scripted(request, at)
        if request.choices:
            return self._choose(request, scripted)
        text, reason = _cut(scripted, request.stop, request.max_tokens)
        logprobs: tuple[TokenLogprob, ...] = ()
        if request.top_logprobs:
            logprobs = tuple(
                TokenLogprob(token=piece, logprob=0.0, top=((piece, 0.0),))
                for piece in pieces(text)
            )
        return self._completion(request, text, reason, logprobs=logprobs)

    def close(self) -> None:
        """Note that the engine was closed."""
        self.closed = True

    def count_tokens(self, text: str) -> int:
        """Return how many tokens `text` is."""
        return len(pieces(text))

    def _scripted(self, request: Request, at: int) -> str:
        if callable(self._script):
            return self._script(request)
        if at >= len(self._script):
            raise EngineError(f"{self.model}: the script of {len(self._script)} answers is used up")
        answer = self._script[at]
        if isinstance(answer, EngineError):
            raise answer
        return answer

    def _choose(self, request: Request, scripted: str) -> Completion:
        winner = scripted if scripted in request.choices else request.choices[0]
        scores: tuple[float, ...] = ()
        if self.capabilities.choice_logprobs:
            scores = (
                tuple(self._choice_scores(request))
                if self._choice_scores
                else _peaked(request.choices, winner)
            )
        return self._completion(request, winner, "choice", choice_logprobs=scores)

    def _completion(
        self, request: Request, text: str, reason: FinishReason, **scores: Any
    ) -> Completion:
        prompt = request.prompt or "\n".join(message.content for message in request.messages)
        usage = Usage(
            prompt_tokens=self.count_tokens(prompt),
            forced_tokens=self.count_tokens(request.prefix),
            output_tokens=self.count_tokens(text),
        )
        prefill_ms = (usage.prompt_tokens + usage.forced_tokens) * self._prompt_token_ms
        return Completion(
            text=text,
            usage=usage,
            finish_reason=reason,
            prefill_ms=prefill_ms,
            latency_ms=prefill_ms + usage.output_tokens * self._output_token_ms,
            **scores,
        )


def _cut(text: str, stops: Sequence[str], max_tokens: int) -> tuple[str, FinishReason]:
    """End the text at `max_tokens` pieces or before the first stop string, whichever is earlier."""
    kept = "".join(pieces(text)[:max_tokens])
    found = [at for stop in stops if (at := kept.find(stop)) >= 0]
    if found:
        return kept[: min(found)], "stop"
    return kept, "stop" if kept == text else "length"


def _peaked(choices: Sequence[str], winner: str) -> tuple[float, ...]:
    if len(choices) == 1:
        return (0.0,)
    rest = math.log(0.1 / (len(choices) - 1))
    return tuple(math.log(0.9) if choice == winner else rest for choice in choices)
