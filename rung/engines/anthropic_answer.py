"""The answer of an Anthropic-style server as an `Answer`, which `openai_answer.py` completes.

Pure functions over JSON values. Of the content only text blocks and the input of the forced tool
count; thinking is left out of the text, its tokens are in the output tokens. `input_tokens` leaves
out what a cache held or took in: tokens written to a cache count as prompt tokens, tokens read from
it as cached ones. A forced start is part of the prompt, so `forced_tokens` is 0.
"""

from __future__ import annotations

import json
import os
from typing import Any

from rung.core.errors import EngineError
from rung.core.records import Usage
from rung.core.spelling import quote
from rung.engines.base import Request
from rung.engines.openai_answer import Answer, count, without_halves

_CUT = ("max_tokens", "model_context_window_exceeded")


def parse_message(data: Any, request: Request) -> Answer:
    """Decode a server's JSON answer. Raises EngineError when it is not one, or a refusal."""
    content = data.get("content") if isinstance(data, dict) else None
    if not isinstance(content, list):
        raise EngineError(f"the server's answer has no content: {quote(data)}")
    reason = data.get("stop_reason")
    if reason == "refusal":
        raise EngineError(
            "the model refused to answer this input (stop_reason refusal)", of_input=True
        )
    return Answer(
        text=_without_lead(without_halves(_text(content)), request.prefix),
        finish_reason="length" if reason in _CUT else "stop",
        usage=_usage(data.get("usage")),
        logprobs=(),
    )


def _text(content: list[Any]) -> str:
    blocks = [block for block in content if isinstance(block, dict)]
    for block in blocks:
        if block.get("type") == "tool_use":
            return json.dumps(block.get("input"), ensure_ascii=False)
    texts = [block.get("text") for block in blocks if block.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def _without_lead(text: str, prefix: str) -> str:
    """Return the text without the white space that the prefix ended with and was not sent."""
    cut = prefix[len(prefix.rstrip()) :]
    return text[len(os.path.commonprefix([cut, text])) :]


def _usage(usage: Any) -> Usage:
    return Usage(
        prompt_tokens=count(usage, "input_tokens") + count(usage, "cache_creation_input_tokens"),
        cached_tokens=count(usage, "cache_read_input_tokens"),
        output_tokens=count(usage, "output_tokens"),
    )
