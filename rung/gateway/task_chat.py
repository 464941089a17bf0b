"""A task's answer as a chat completion, so that an OpenAI client needs to change only `model`.

The input is the one user message of the request; the task has an instruction of its own, so system
messages are not used. The answer is the task's JSON: as content, or as the arguments of the one
function the client offers or forces. What a task cannot honour is refused by name, never ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from rung.core.clock import unix_ms
from rung.core.records import Usage
from rung.gateway.refusal import Refusal

if TYPE_CHECKING:
    from rung.routes.asked import Asked

MAX_CHOICES = 8


class Part(msgspec.Struct):
    """A piece of a message's content."""

    type: str = "text"
    text: str = ""


class Turn(msgspec.Struct):
    """A message."""

    role: str
    content: str | list[Part] | None = None


class Function(msgspec.Struct, frozen=True):
    """A function that is offered or forced."""

    name: str = ""


class Tool(msgspec.Struct):
    """A tool that is offered, or the one that is forced."""

    type: str = "function"
    function: Function = Function()


class StreamOptions(msgspec.Struct):
    """What a stream tells besides the answer."""

    include_usage: bool | None = None


class ChatBody(msgspec.Struct):
    """The fields of a chat request that matter to a task."""

    messages: list[Turn]
    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | Tool | None = None
    response_format: dict[str, Any] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None


_decoder = msgspec.json.Decoder(ChatBody)


def read_chat(body: bytes) -> ChatBody:
    """Decode and check a chat request to a task. Raises Refusal 400."""
    try:
        chat = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_request", f"the body cannot be read: {error}") from None
    if chat.logprobs or chat.top_logprobs:
        raise _unsupported("logprobs", "POST /v1/tasks/NAME tells the probability of every choice")
    if chat.stop:
        raise _unsupported("stop", "the answer is JSON and ends by itself")
    if chat.logit_bias:
        raise _unsupported("logit_bias", "the task's form says what may be answered")
    if chat.n is not None and not 1 <= chat.n <= MAX_CHOICES:
        raise Refusal(400, "invalid_value", f"n is {chat.n}, not 1 to {MAX_CHOICES}")
    function_of(chat)
    return chat


def input_of(chat: ChatBody) -> str:
    """Return the input: the text of the one user message. Raises Refusal 400."""
    said = [turn for turn in chat.messages if turn.role not in ("system", "developer")]
    if len(said) != 1 or said[0].role != "user":
        message = f"a task takes one user message, not {len(said)} messages"
        raise Refusal(400, "not_one_input", message)
    content = said[0].content
    if isinstance(content, list):
        if any(part.type != "text" for part in content):
            raise _unsupported("content", "a task takes text only")
        content = "\n".join(part.text for part in content)
    if not content or not content.strip():
        raise Refusal(400, "empty_input", "the user message is empty")
    return content


def function_of(chat: ChatBody) -> str:
    """Return the name of the function the answer is to call; empty for an answer as content.

    Raises Refusal 400 where it could be one of several.
    """
    if not chat.tools or chat.tool_choice == "none":
        return ""
    forced = chat.tool_choice
    if isinstance(forced, Tool):
        return forced.function.name
    if len(chat.tools) == 1:
        return chat.tools[0].function.name
    raise _unsupported("tools", "offer one function, or force one with tool_choice")


def complete(chat: ChatBody, asked: Asked, call_id: str) -> dict[str, Any]:
    """Return the chat completion of an answer."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    reason = "stop"
    function = function_of(chat)
    if asked.output is None:
        message["refusal"] = asked.reason or f"the answer is {asked.status}"
    elif function:
        message["tool_calls"] = [_tool_call(function, asked, call_id)]
        reason = "tool_calls"
    else:
        message["content"] = _dump(asked.output)
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": reason}
        for index in range(chat.n or 1)
    ]
    return _head(chat, call_id, "chat.completion") | {
        "choices": choices,
        "usage": usage_json(asked.usage),
    }


def stream(chat: ChatBody, asked: Asked, call_id: str) -> Iterator[bytes]:
    """Yield the events of the same answer as a stream, the last one `[DONE]`."""
    whole = complete(chat, asked, call_id)
    head = _head(chat, call_id, "chat.completion.chunk")
    for choice in whole["choices"]:
        message = choice["message"]
        delta = {name: value for name, value in message.items() if value is not None}
        if "tool_calls" in delta:
            delta["tool_calls"] = [{"index": 0} | call for call in delta["tool_calls"]]
        for part, reason in ((delta, None), ({}, choice["finish_reason"])):
            piece = {"index": choice["index"], "delta": part, "logprobs": None}
            yield _event(head | {"choices": [piece | {"finish_reason": reason}]})
    if chat.stream_options and chat.stream_options.include_usage:
        yield _event(head | {"choices": [], "usage": whole["usage"]})
    yield b"data: [DONE]\n\n"


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return token counts as OpenAI tells them; forced tokens are billed as input."""
    prompt = usage.prompt_tokens + usage.cached_tokens + usage.forced_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _tool_call(function: str, asked: Asked, call_id: str) -> dict[str, Any]:
    arguments = {"name": function, "arguments": _dump(asked.output)}
    return {"id": f"call_{call_id[-24:]}", "type": "function", "function": arguments}


def _head(chat: ChatBody, call_id: str, kind: str) -> dict[str, Any]:
    created = unix_ms() // 1000
    return {"id": f"chatcmpl-{call_id}", "object": kind, "created": created, "model": chat.model}


def _dump(output: Any) -> str:
    return json.dumps(output, ensure_ascii=False)


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _unsupported(field: str, instead: str) -> Refusal:
    return Refusal(400, "unsupported_parameter", f"a task does not take {field!r}: {instead}")
