"""A loopback server that holds clients to the rules of hosted providers, each under its own path.

    /anthropic/v1   /openai/v1   /mistral/v1   /deepseek[/beta]   /dashscope/v1   /openrouter/v1
    /llama/v1 (llama-server with a template that thinks)

Whatever a provider documents or is known to refuse is refused here, in its words. The rules are
written down anew, from the providers' pages, and share nothing with `rung.engines`; those of
DeepSeek on prefixes are stricter than its page. An accepted request is answered with `says`, or
with the smallest value that fits the schema it asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from claude_rules import KEY, Refused, anthropic, thinks
from openai_server import OpenAIServer, Reply, chat

Rule = Callable[[Mapping[str, str], dict[str, Any], str], None]


class ProviderServer(OpenAIServer):
    """`says` is the text of every answer, empty for one made from the schema."""

    def __init__(self) -> None:
        self.says = ""
        super().__init__()

    def at(self, provider: str) -> str:
        """Return the base URL of a provider, e.g. `anthropic/v1`."""
        return f"http://127.0.0.1:{self.port}/{provider}"

    def reset(self) -> None:
        super().reset()
        self.says = ""

    def reply_to(self, asked: dict[str, Any]) -> Reply:
        provider = asked["path"].split("/")[1]
        headers = {name.lower(): value for name, value in asked["headers"].items()}
        if asked["method"] == "GET":
            return Reply(data={"data": [{"id": "claude-haiku-4-5"}, {"id": "claude-opus-5-5"}]})
        claude = provider == "anthropic"
        try:
            RULES[provider](headers, asked["json"], asked["path"])
        except Refused as refused:
            error = {"message": str(refused), "type": "invalid_request_error"} | refused.fields
            wrapped = {"type": "error", "error": error} if claude else {"error": error}
            return Reply(status=refused.status, data=wrapped)
        body = asked["json"]
        return Reply(data=self._message(body) if claude else self._chat(body))

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        form = body.get("response_format", {}).get("json_schema", {})
        text = self.says or (json.dumps(smallest(form["schema"])) if form else "ok")
        if "grammar" in body:
            text = body["grammar"].split('"')[1]
        return chat(text)

    def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        blocks: list[dict[str, Any]] = []
        if thinks(body):
            blocks.append({"type": "thinking", "thinking": "", "signature": "c2ln"})
        form = body.get("output_config", {}).get("format")
        reason = "end_turn"
        if "tools" in body:
            given = json.loads(self.says or json.dumps(smallest(body["tools"][0]["input_schema"])))
            blocks.append({"type": "tool_use", "id": "toolu_1", "name": "answer", "input": given})
            reason = "tool_use"
        else:
            text = self.says or (json.dumps(smallest(form["schema"])) if form else "ok")
            blocks.append({"type": "text", "text": text})
        usage = {
            "input_tokens": 4,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 8,
            "output_tokens": 3,
        }
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": blocks,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": usage,
        }


def smallest(schema: dict[str, Any], shared: Mapping[str, Any] | None = None) -> Any:
    """Return a small value that fits a schema of the kind providers take."""
    shared = schema.get("$defs", {}) if shared is None else shared
    if "$ref" in schema:
        return smallest(shared[schema["$ref"].rpartition("/")[2]], shared)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0], shared)
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        keys = schema.get("required", [])
        return {key: smallest(schema["properties"][key], shared) for key in keys}
    least = {"array": [], "string": "x", "integer": 1, "number": 1.0, "boolean": True, "null": None}
    return least[kind]


_CHAT_FIELDS = {
    "model", "messages", "max_tokens", "temperature", "top_p", "stop", "stream", "response_format",
    "tools", "tool_choice", "n", "presence_penalty", "frequency_penalty",
}  # fmt: skip
_OPENAI_FIELDS = _CHAT_FIELDS | {
    "max_completion_tokens", "seed", "logprobs", "top_logprobs", "logit_bias", "reasoning_effort",
    "store", "metadata", "user", "service_tier", "verbosity",
}  # fmt: skip


def _bearer(headers: Mapping[str, str]) -> None:
    if headers.get("authorization") != f"Bearer {KEY}":
        raise Refused("Incorrect API key provided", status=401, code="invalid_api_key")


def _known(body: dict[str, Any], fields: set[str]) -> None:
    if unknown := sorted(body.keys() - fields):
        raise Refused(f"Unrecognized request argument supplied: {unknown[0]}")


def openai(headers: Mapping[str, str], body: dict[str, Any], path: str) -> None:
    """Chat completions of OpenAI."""
    _bearer(headers)
    _known(body, _OPENAI_FIELDS)
    for turn in body["messages"]:
        if unknown := sorted(turn.keys() - {"role", "content", "name"}):
            raise Refused(f"Unrecognized request argument supplied: {unknown[0]}")
    model = body["model"]
    if re.match(r"o\d|gpt-5", model):
        _openai_reasoning(body)
    form = body.get("response_format")
    if form is None:
        return
    if re.match(r"gpt-3\.5|gpt-4-", model):
        raise Refused(
            f"Invalid parameter: 'response_format' of type '{form['type']}' is not supported with"
            " this model. Learn more about supported models at the Structured Outputs guide:"
            " https://platform.openai.com/docs/guides/structured-outputs",
            param=None,
        )
    if form["type"] == "json_schema" and form["json_schema"].get("strict"):
        _strict(form["json_schema"]["name"], form["json_schema"]["schema"], ())


def _openai_reasoning(body: dict[str, Any]) -> None:
    for name, instead in (("max_tokens", "max_completion_tokens"), ("stop", ""), ("logprobs", "")):
        if name in body:
            words = f"Unsupported parameter: '{name}' is not supported with this model."
            words += f" Use '{instead}' instead." if instead else ""
            raise Refused(words, param=name, code="unsupported_parameter")
    if body.get("temperature", 1) != 1:
        raise Refused(
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default"
            " (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        )


def _strict(name: str, schema: Any, context: tuple[str, ...]) -> None:
    """The rules of strict mode: every object closed, every key required, few keywords."""

    def refuse(words: str) -> None:
        raise Refused(
            f"Invalid schema for response_format '{name}': In context={context}, {words}",
            param="response_format",
        )

    if not context and (schema.get("type") != "object" or "anyOf" in schema):
        refuse("schema must be a JSON Schema of 'type: \"object\"'")
    forbidden = {"allOf", "oneOf", "not", "if", "then", "else", "default", "patternProperties"}
    forbidden |= {"dependentRequired", "uniqueItems", "contains", "propertyNames", "minLength"}
    for keyword in sorted(forbidden & schema.keys()):
        refuse(f"'{keyword}' is not permitted.")
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            refuse("'additionalProperties' is required to be supplied and to be false.")
        if sorted(schema.get("required", ())) != sorted(schema.get("properties", {})):
            refuse("'required' must be an array including every key in properties.")
    for key, part in schema.get("properties", {}).items():
        _strict(name, part, (*context, "properties", key))
    for part in schema.get("anyOf", ()):
        _strict(name, part, (*context, "anyOf"))
    if "items" in schema:
        _strict(name, schema["items"], (*context, "items"))


def mistral(headers: Mapping[str, str], body: dict[str, Any], path: str) -> None:
    """Chat completions of Mistral: unknown fields are 422, a last assistant turn is marked."""
    _bearer(headers)
    fields = _CHAT_FIELDS | {"random_seed", "safe_prompt", "prompt_mode", "prediction"}
    if unknown := sorted(body.keys() - fields):
        detail = [{"type": "extra_forbidden", "loc": ["body", unknown[0]]}]
        raise Refused(json.dumps({"detail": detail}), status=422)
    last = body["messages"][-1]
    if last["role"] == "assistant" and last.get("prefix") is not True:
        raise Refused(
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got"
            " assistant"
        )


def deepseek(headers: Mapping[str, str], body: dict[str, Any], path: str) -> None:
    """Chat completions of DeepSeek: JSON mode without schema, a prefix only in the beta."""
    _bearer(headers)
    _known(body, _CHAT_FIELDS | {"logprobs", "top_logprobs", "thinking", "reasoning_effort"})
    if body.get("response_format", {}).get("type") == "json_schema":
        raise Refused("This response_format type is unavailable now")
    if body["messages"][-1]["role"] == "assistant":
        if body["messages"][-1].get("prefix") is not True:
            raise Refused("The last message of assistant must have prefix true")
        if not path.startswith("/deepseek/beta/"):
            raise Refused("prefix is only supported in the beta API")
        if body.get("thinking", {}).get("type") != "disabled":
            raise Refused("prefix is not supported in thinking mode")


def dashscope(headers: Mapping[str, str], body: dict[str, Any], path: str) -> None:
    """Chat completions of Alibaba Model Studio: a partial answer only without thinking."""
    _bearer(headers)
    _known(body, _CHAT_FIELDS | {"seed", "enable_thinking", "thinking_budget", "logprobs"})
    last = body["messages"][-1]
    partial = last["role"] == "assistant" and last.get("partial") is True
    quiet = body.get("enable_thinking") is False or body["model"].endswith("-max")
    if partial and not quiet:
        raise Refused("<400> partial mode is not supported when enable_thinking is true")


def openrouter(headers: Mapping[str, str], body: dict[str, Any], path: str) -> None:
    """A router: with require_parameters, a model that lacks one is not found."""
    _bearer(headers)
    _known(body, _OPENAI_FIELDS | {"provider", "reasoning"})
    required = body.get("provider", {}).get("require_parameters", False)
    if required and "response_format" in body and body["model"].startswith("old/"):
        raise Refused(
            "No endpoints found that can handle the requested parameters. To learn more about"
            " provider routing, visit: https://openrouter.ai/docs/provider-routing",
            status=404,
        )


def llama(headers: Mapping[str, str], body: dict[str, Any], path: str) -> None:
    """llama-server with a template that thinks by default."""
    quiet = body.get("chat_template_kwargs", {}).get("enable_thinking") is False
    forced = body["model"] == "always-thinks"
    if body["messages"][-1]["role"] == "assistant" and (forced or not quiet):
        raise Refused("Assistant response prefill is incompatible with enable_thinking.")


RULES: dict[str, Rule] = {
    "anthropic": anthropic,
    "openai": openai,
    "mistral": mistral,
    "deepseek": deepseek,
    "dashscope": dashscope,
    "openrouter": openrouter,
    "llama": llama,
}
