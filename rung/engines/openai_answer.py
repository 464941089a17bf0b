"""The answer of an OpenAI-style server as a `Completion`.

Pure functions over JSON values. The four token counts come from the server's `usage`: its prompt
count includes a forced prefix, which the wire cannot tell apart, so `forced_tokens` is 0. A server
that sends no usage gets the rule of thumb of 4 bytes a token. The answer is not validated against
a regex or schema; a choice that was not allowed is an EngineError.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from rung.core.errors import EngineError
from rung.core.records import ToolCall, Usage
from rung.engines.base import Completion, FinishReason, Request, TokenLogprob
from rung.engines.dialects import Dialect
from rung.engines.openai_choice import choice_logprobs, meant
from rung.engines.openai_tools import read_tool_calls

_BYTES_PER_TOKEN = 4
_IMPOSSIBLE = -9999.0
_HALF = re.compile("[\ud800-\udfff]")
_CHOICE_LEAD = re.compile(r'\s*\{\s*"choice"\s*:\s*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The parts of a server's answer that matter, decoded."""

    text: str
    finish_reason: str
    usage: Usage
    logprobs: tuple[TokenLogprob, ...]
    tool_calls: tuple[ToolCall, ...] = ()


def parse_answer(data: Any, request: Request) -> Answer:
    """Decode a server's JSON answer. Raises EngineError when it is not one."""
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise EngineError(f"the server's answer has no choices: {_short(data)}")
    first = choices[0]
    message = first.get("message")
    if request.prompt or not isinstance(message, dict):
        text = _text(first.get("text"))
    elif message.get("refusal"):
        refusal = _short(message["refusal"])
        raise EngineError(f"the model refused to answer this input: {refusal}", of_input=True)
    else:
        text = _text(message.get("content"))
    reason = str(first.get("finish_reason") or "stop")
    if reason == "content_filter":
        raise EngineError(
            "the server filtered this answer (finish_reason content_filter)", of_input=True
        )
    return Answer(
        text=text,
        finish_reason=reason,
        usage=_usage(data, request, text),
        logprobs=_logprobs(first.get("logprobs")),
        tool_calls=read_tool_calls(message, request) if isinstance(message, dict) else (),
    )


def to_completion(
    answer: Answer, request: Request, dialect: Dialect, *, latency_ms: float
) -> Completion:
    """Return the completion of a decoded answer. Raises EngineError on a choice not allowed.

    Few tokens that leave a choice open have the finish reason `length`: to be asked again in full.
    """
    if dialect.echoes_prefix and request.messages:
        answer = replace(answer, text=answer.text.removeprefix(request.prefix))
    if request.choices:
        return _choice(answer, request, dialect, latency_ms)
    found = [at for stop in request.stop if (at := answer.text.find(stop)) >= 0]
    text = answer.text[: min(found)] if found else answer.text
    reason: FinishReason = "length" if answer.finish_reason == "length" and not found else "stop"
    return Completion(
        text=text,
        usage=answer.usage,
        finish_reason=reason,
        latency_ms=latency_ms,
        logprobs=answer.logprobs if request.top_logprobs else (),
        tool_calls=answer.tool_calls,
    )


def _choice(answer: Answer, request: Request, dialect: Dialect, latency_ms: float) -> Completion:
    text, start = answer.text, 0
    if dialect.choices == "enum_schema":
        lead = _CHOICE_LEAD.match(text)
        start = lead.end() if lead else 0
        text = _wrapped_choice(text)
    cut = answer.finish_reason == "length"
    found = meant(text, request.choices, cut=cut)
    if cut and len(found) > 1 and dialect.choice_tokens:
        return Completion(
            text=text, usage=answer.usage, finish_reason="length", latency_ms=latency_ms
        )
    if not found or (cut and len(found) > 1):
        raise EngineError(
            f"the server answered {_short(answer.text)}, none of the {len(request.choices)}"
            f" allowed choices (finish_reason {answer.finish_reason})",
            hint="it may not enforce choices: set server in engines.toml",
        )
    scores = choice_logprobs(answer.logprobs, start, request.choices)
    return Completion(
        text=found[0],
        usage=answer.usage,
        finish_reason="choice",
        latency_ms=latency_ms,
        choice_logprobs=scores if dialect.capabilities.choice_logprobs else (),
    )


def _wrapped_choice(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return str(value.get("choice", "")) if isinstance(value, dict) else text


def _text(value: Any) -> str:
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        value = "".join(part for part in parts if isinstance(part, str))
    return without_halves(value) if isinstance(value, str) else ""


def without_halves(text: str) -> str:
    """Return the text with U+FFFD for half surrogate pairs, which nothing could write."""
    return _HALF.sub("\ufffd", text)


def _usage(data: dict[str, Any], request: Request, text: str) -> Usage:
    usage = data.get("usage")
    if not isinstance(usage, dict) or "prompt_tokens" not in usage:
        prompt = request.prompt or "".join(message.content for message in request.messages)
        return Usage(
            prompt_tokens=_estimate(prompt + request.prefix), output_tokens=_estimate(text)
        )
    details = usage.get("prompt_tokens_details")
    timings = data.get("timings")
    cached = count(details, "cached_tokens") or count(usage, "prompt_cache_hit_tokens")
    prompt_tokens = count(usage, "prompt_tokens")
    cached = min(cached or count(timings, "cache_n"), prompt_tokens)
    return Usage(
        prompt_tokens=prompt_tokens - cached,
        cached_tokens=cached,
        output_tokens=count(usage, "completion_tokens"),
    )


def count(value: Any, key: str) -> int:
    """Return a token count of a JSON object; 0 when it has none."""
    number = value.get(key) if isinstance(value, dict) else None
    return number if isinstance(number, int) and number > 0 else 0


def _estimate(text: str) -> int:
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


def _logprobs(value: Any) -> tuple[TokenLogprob, ...]:
    """Decode either wire form: chat (`content`) or the older completions one (parallel lists)."""
    if not isinstance(value, dict):
        return ()
    try:
        if isinstance(value.get("content"), list):
            return tuple(
                _token(
                    item["token"],
                    item["logprob"],
                    [(other["token"], other["logprob"]) for other in item["top_logprobs"]],
                )
                for item in value["content"]
            )
        rows = zip(value["tokens"], value["token_logprobs"], value["top_logprobs"], strict=True)
        return tuple(_token(name, logprob, (top or {}).items()) for name, logprob, top in rows)
    except (KeyError, TypeError, ValueError, AttributeError):
        return ()


def _token(name: Any, logprob: Any, top: Iterable[tuple[Any, Any]]) -> TokenLogprob:
    pairs = [(other, _finite(value)) for other, value in top]
    if not all(isinstance(text, str) for text in (name, *(other for other, _ in pairs))):
        raise TypeError("a token is not a text")
    return TokenLogprob(token=name, logprob=_finite(logprob), top=tuple(pairs))


def _finite(value: Any) -> float:
    number = float(value)
    return number if math.isfinite(number) else _IMPOSSIBLE


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
