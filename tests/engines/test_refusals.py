"""Which capability a refusal is about, by words that servers are known to say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.core.records import Message
from rung.engines.base import Request, ToolOffer
from rung.engines.dialects import DIALECTS
from rung.engines.hosted import dialect_of
from rung.engines.refusals import find_refusal, without

ASK = Request(messages=(Message(role="user", content="u"),))
PREFIX = replace(ASK, prefix="{")
SCHEMA = replace(ASK, schema={"type": "object"})
CHOICES = replace(ASK, choices=("a", "b"))
THINK = replace(ASK, thinking="on")
LOGPROBS = replace(ASK, top_logprobs=3)
TOOLS = replace(ASK, tools=(ToolOffer(name="t", description="", parameters={}),))

KNOWN = [
    (
        # Claude 4.6 and later
        "This model does not support assistant message prefill. The conversation must end with a"
        " user message.",
        PREFIX,
        "prefix",
        True,
    ),
    ("Prefilling assistant messages is not supported for this model.", PREFIX, "prefix", True),
    # llama-server
    ("Assistant response prefill is incompatible with enable_thinking.", PREFIX, "prefix", True),
    (
        "Assistant response prefill is incompatible with enable_thinking.",
        replace(PREFIX, thinking="on"),
        "prefix",
        False,  # the combination is refused, not the prefix
    ),
    (
        # Mistral
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got"
        " assistant",
        PREFIX,
        "prefix",
        True,
    ),
    ("Cannot have 2 or more assistant messages at the end of the list.", PREFIX, "prefix", True),
    (
        # OpenAI
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this"
        " model. Learn more about supported models at the Structured Outputs guide: …",
        SCHEMA,
        "schema",
        True,
    ),
    ("This response_format type is unavailable now", SCHEMA, "schema", True),  # DeepSeek
    (
        # vLLM started without a parser for its model's calls
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        TOOLS,
        "tool_calls",
        True,
    ),
    ("tools param requires --jinja flag", TOOLS, "tool_calls", True),  # llama-server
    ("No endpoints found that support tool use.", TOOLS, "tool_calls", True),  # OpenRouter
    ("This response_format type is unavailable now", CHOICES, "choices", True),
    ("output_config.format: Extra inputs are not permitted", SCHEMA, "schema", True),  # Bedrock
    (
        'tool_choice: type "tool" and "any" are not supported for this model.',
        SCHEMA,
        "schema",
        True,
    ),
    (
        '{"detail":[{"type":"extra_forbidden","loc":["body","response_format"],"msg":"Extra inputs'
        ' are not permitted"}]}',
        SCHEMA,
        "schema",
        True,
    ),
    (
        "No endpoints found that can handle the requested parameters. To learn more about provider"
        " routing, visit: …",
        SCHEMA,
        "schema",
        True,
    ),
    (
        # this schema, not schemas
        "output_config.format.schema: For 'integer' type, property 'minimum' is not supported",
        SCHEMA,
        "schema",
        False,
    ),
    (
        "Invalid schema for response_format 'answer': In context=('properties', 'a'), 'default' is"
        " not permitted.",
        SCHEMA,
        "schema",
        False,
    ),
    (
        "output_config.format.schema: Schema is too complex for compilation.",
        SCHEMA,
        "schema",
        False,
    ),
    ("You are not allowed to request logprobs from this model.", LOGPROBS, "logprobs", True),
    ("Logprobs is not enabled for models/gemini-2.5-flash-lite", LOGPROBS, "logprobs", True),
    (
        "Unsupported parameter: 'logprobs' is not supported with this model.",
        LOGPROBS,
        "logprobs",
        True,
    ),
    (
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and'
        ' "output_config.effort" to control thinking behavior.',
        THINK,
        "thinking",
        True,
    ),
    (
        "parameter.enable_thinking must be set to false for non-streaming calls",
        THINK,
        "thinking",
        True,
    ),
    (
        "Unrecognized request argument supplied: chat_template_kwargs",
        THINK,
        "thinking",
        True,
    ),
]


@pytest.mark.parametrize("said, request_, capability, lasting", KNOWN)
def test_known_words(said, request_, capability, lasting):
    found = find_refusal(400, said, request_, {})
    assert found is not None
    assert (found.capability, found.lasting) == (capability, lasting)


@pytest.mark.parametrize(
    "status, said, request_",
    [
        # nothing in the request is meant
        (400, KNOWN[0][0], SCHEMA),
        (400, "`temperature` is deprecated for this model.", SCHEMA),
        (400, "bad field 'seed'", PREFIX),
        (400, "Unsupported parameter: 'max_tokens' is not supported with this model.", SCHEMA),
        (400, "Your credit balance is too low to access the Anthropic API.", SCHEMA),
        (400, "prompt is too long: 208310 tokens > 200000 maximum", SCHEMA),
        # named, but not refused
        (400, "`max_tokens` must be greater than `thinking.budget_tokens`.", THINK),
        (400, "no reason given", PREFIX),
        # not a status that blames the request
        (401, KNOWN[0][0], PREFIX),
        (429, KNOWN[0][0], PREFIX),
        (500, KNOWN[0][0], PREFIX),
    ],
)
def test_what_is_unclear_is_no_refusal(status, said, request_):
    assert find_refusal(status, said, request_, {}) is None


def test_the_first_capability_named_is_meant_and_two_are_never_lasting():
    both = replace(SCHEMA, thinking="on")
    said = "Thinking may not be enabled when tool_choice forces tool use; not supported."
    found = find_refusal(400, said, both, {})
    assert found is not None
    assert (found.capability, found.lasting) == ("thinking", False)


def test_logprobs_that_choices_brought_along_count_as_used():
    said = "You are not allowed to request logprobs from this model."
    assert find_refusal(400, said, CHOICES, {}) is None
    found = find_refusal(400, said, CHOICES, {"logprobs": True})
    assert found is not None and found.capability == "logprobs"


@pytest.mark.parametrize(
    "server, capability, gone",
    [
        ("openai", "schema", {"schema", "choices"}),  # choices are a schema there
        ("openai", "choices", {"schema", "choices"}),
        ("vllm", "schema", {"schema"}),
        ("vllm", "choices", {"choices", "choice_logprobs"}),
        ("vllm", "logprobs", {"logprobs", "choice_logprobs"}),
        ("vllm", "prefix", {"prefix"}),
        ("deepseek", "thinking", {"thinking"}),
    ],
)
def test_what_rests_on_a_capability_goes_with_it(server, capability, gone):
    before = DIALECTS[server]
    after = without(before, capability)
    names = {
        name
        for name in before.capabilities.__dataclass_fields__
        if isinstance(getattr(before.capabilities, name), bool)
    }
    lost = {
        name
        for name in names
        if getattr(before.capabilities, name) and not getattr(after.capabilities, name)
    }
    assert lost == gone


def test_conflicts_go_with_the_prefix():
    before = dialect_of("anthropic", "claude-haiku-4-5", "")
    assert before.capabilities.conflicts
    assert without(before, "prefix").capabilities.conflicts == ()
