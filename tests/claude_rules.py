"""The rules of the Claude Messages API as a loopback server enforces them (`provider_server.py`).

Written down from the provider's pages, its error messages from issues that quote them. Shares
nothing with `rung.engines`. No answers are made here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

KEY = "sk-test-0123456789abcdef"


class Refused(Exception):
    """A request a provider would not take."""

    def __init__(self, message: str, *, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields


def version_of(model: str) -> tuple[int, int]:
    """Return (4, 6) for claude-opus-4-6 and (3, 7) for claude-3-7-sonnet-20250219.

    Fable and Mythos follow the rules of 5.5.
    """
    if "fable" in model or "mythos" in model:
        return (5, 5)
    name = re.sub(r"-\d{8}", "", model)
    found = [int(number) for number in re.findall(r"-(\d)(?!\d)", name)]
    return (found[0], found[1] if len(found) > 1 else 0)


def thinks(body: dict[str, Any]) -> bool:
    """Return whether a Claude model thinks before it answers this."""
    default = "adaptive" if version_of(body["model"]) >= (5, 0) else "disabled"
    return body.get("thinking", {"type": default})["type"] in ("adaptive", "enabled")


def _thinking_types(model: str) -> set[str]:
    version = version_of(model)
    if version < (3, 7):
        return set()
    if version < (4, 6):
        return {"enabled", "disabled"}
    if version < (4, 7):
        return {"enabled", "adaptive", "disabled"}
    if version < (5, 5):
        return {"adaptive", "disabled"}
    by_family = {"haiku": {"adaptive", "disabled"}, "sonnet": {"adaptive", "between_tools"}}
    return next((types for name, types in by_family.items() if name in model), {"adaptive"})


_MESSAGE_FIELDS = {
    "model", "messages", "max_tokens", "system", "temperature", "top_p", "top_k", "stop_sequences",
    "stream", "metadata", "thinking", "tools", "tool_choice", "output_config", "service_tier",
    "cache_control", "container", "inference_geo",
}  # fmt: skip


def anthropic(headers: Mapping[str, str], body: dict[str, Any], path: str) -> None:
    """The Messages API."""
    if path != "/anthropic/v1/messages":
        raise Refused("Not Found", status=404, type="not_found_error")
    if headers.get("x-api-key") != KEY:
        words = "invalid x-api-key" if "x-api-key" in headers else "x-api-key header is required"
        raise Refused(words, status=401, type="authentication_error")
    if "anthropic-version" not in headers:
        raise Refused("anthropic-version: header is required")
    for name in ("model", "messages", "max_tokens"):
        if name not in body:
            raise Refused(f"{name}: Field required")
    if unknown := sorted(body.keys() - _MESSAGE_FIELDS):
        raise Refused(f"{unknown[0]}: Extra inputs are not permitted")
    model = body["model"]
    if not model.startswith("claude-"):
        raise Refused(f"model: {model}", status=404, type="not_found_error")
    if any(not stop.strip() for stop in body.get("stop_sequences", ())):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    _claude_turns(body)
    _claude_thinking(body, model)
    _claude_sampling(body, model)
    _claude_structure(body, model)
    _claude_prefill(body, model)


def _claude_turns(body: dict[str, Any]) -> None:
    if body["messages"][0]["role"] != "user":
        raise Refused('messages: first message must use the "user" role')
    for turn in body["messages"]:
        if turn["role"] not in ("user", "assistant"):
            raise Refused(
                f'messages: Unexpected role "{turn["role"]}". The Messages API accepts a top-level'
                ' `system` parameter, not "system" as an input message role.'
            )
        if not turn["content"].strip():
            raise Refused("messages: text content blocks must contain non-whitespace text")


def _claude_thinking(body: dict[str, Any], model: str) -> None:
    setting = body.get("thinking")
    if setting is None:
        return
    if setting["type"] not in _thinking_types(model):
        raise Refused(
            f'"thinking.type.{setting["type"]}" is not supported for this model. Use'
            ' "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    if setting["type"] == "enabled":
        if setting.get("budget_tokens", 0) < 1024:
            raise Refused("thinking.enabled.budget_tokens: Input should be at least 1024")
        if setting["budget_tokens"] >= body["max_tokens"]:
            raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`")
    elif "budget_tokens" in setting:
        raise Refused(f"thinking.{setting['type']}.budget_tokens: Extra inputs are not permitted")


def _claude_sampling(body: dict[str, Any], model: str) -> None:
    if "temperature" not in body:
        return
    if version_of(model) >= (4, 7):
        raise Refused("`temperature` is deprecated for this model.")
    if not 0 <= body["temperature"] <= 1:
        raise Refused("temperature: range: 0..1")
    if thinks(body) and body["temperature"] != 1:
        raise Refused("`temperature` may only be set to 1 when thinking is enabled.")


def _claude_structure(body: dict[str, Any], model: str) -> None:
    if "output_config" in body:
        if version_of(model) < (4, 5):
            raise Refused("output_config: Extra inputs are not permitted")
        check_schema(body["output_config"]["format"]["schema"])
    if body.get("tool_choice", {}).get("type") in ("tool", "any"):
        if version_of(model) >= (5, 5):
            raise Refused('tool_choice: type "tool" and "any" are not supported for this model.')
        if thinks(body):
            raise Refused("Thinking may not be enabled when tool_choice forces tool use.")
    for tool in body.get("tools", ()):
        if tool["input_schema"].get("type") != "object":
            raise Refused("tools.0.custom.input_schema.type: Input should be 'object'")


def check_schema(schema: Any, shared: Mapping[str, Any] | None = None) -> None:
    where = "output_config.format.schema"
    shared = schema.get("$defs", {}) if shared is None else shared
    if "$ref" in schema:
        if schema["$ref"].rpartition("/")[2] not in shared:
            raise Refused(f"{where}: unresolved $ref")
        return
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "const"}
    known |= {"anyOf", "$defs", "description", "title", "format", "minItems", "default"}
    kind = schema.get("type")
    if unknown := sorted(schema.keys() - known):
        raise Refused(f"{where}: For '{kind}' type, property '{unknown[0]}' is not supported")
    if not {"type", "enum", "const", "anyOf"} & schema.keys():
        raise Refused(f"{where}: Schema must have a type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        raise Refused(f"{where}: For 'object' type, 'additionalProperties' must be set to false")
    if schema.get("minItems", 0) not in (0, 1):
        raise Refused(f"{where}: 'minItems' values other than 0 or 1 are not supported")
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    parts += [*schema.get("$defs", {}).values(), *([schema["items"]] if "items" in schema else [])]
    for part in parts:
        check_schema(part, shared)


def _claude_prefill(body: dict[str, Any], model: str) -> None:
    last = body["messages"][-1]
    if last["role"] != "assistant":
        return
    if version_of(model) >= (4, 6):
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with"
            " a user message."
        )
    if thinks(body):
        raise Refused(
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
            " `text`. When `thinking` is enabled, a final `assistant` message must start with a"
            " thinking block."
        )
    if "output_config" in body:
        raise Refused("output_config.format: incompatible with a prefilled assistant message")
    if last["content"] != last["content"].rstrip():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")
