"""Which hosted model takes what, by its name, and which address belongs to whom."""

from __future__ import annotations

import pytest

from rung.engines.hosted import HOSTS, dialect_of, host_of

CLAUDE = [
    # model, prefix, first way to a schema, thinking switch, thinks by default, temperature
    ("claude-3-haiku-20240307", "assistant", "tool", None, False, True),
    ("claude-3-5-sonnet-20241022", "assistant", "tool", None, False, True),
    ("claude-3-7-sonnet-20250219", "assistant", "tool", "enabled", False, True),
    ("claude-opus-4-20250514", "assistant", "tool", "enabled", False, True),
    ("claude-sonnet-4@20250514", "assistant", "tool", "enabled", False, True),
    ("claude-opus-4-1-20250805", "assistant", "tool", "enabled", False, True),
    ("claude-haiku-4-5", "assistant", "output_config", "enabled", False, True),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "assistant", "output_config", "enabled", 0, 1),
    ("claude-opus-4-6", "none", "output_config", "adaptive", False, True),
    ("claude-sonnet-4.6", "none", "output_config", "adaptive", False, True),
    ("claude-opus-4-7", "none", "output_config", "adaptive", False, False),
    ("claude-opus-4-8", "none", "output_config", "adaptive", False, False),
    ("claude-opus-5", "none", "output_config", "adaptive", True, False),
    ("claude-sonnet-5-20260630", "none", "output_config", "adaptive", True, False),
    ("claude-haiku-5-5", "none", "output_config", "adaptive", True, False),
    ("claude-sonnet-5-5", "none", "output_config", "adaptive", True, False),
    ("claude-opus-5-5", "none", "output_config", None, True, False),
    ("claude-fable-5-1", "none", "output_config", None, True, False),
    ("claude-opus-6", "none", "output_config", None, True, False),  # unknown: like the newest
    ("some-other-name", "none", "output_config", None, True, False),
]


@pytest.mark.parametrize("model, prefix, schema, switch, thinks, samples", CLAUDE)
def test_claude_models(model, prefix, schema, switch, thinks, samples):
    found = dialect_of("anthropic", model, "https://api.anthropic.com/v1")
    assert (found.wire, found.prefix, found.schemas[0]) == ("anthropic", prefix, schema)
    assert (found.thinks, found.samples) == (thinks, samples)
    on = found.switch.on["thinking"]["type"] if found.switch else None
    assert on == switch
    can = found.capabilities
    assert (can.prefix, can.thinking) == (prefix != "none", switch is not None)
    assert can.schema and can.choices and not can.logprobs and not can.choice_logprobs
    if prefix != "none":
        # a forced start is for free text: nothing limits what follows it
        assert {("prefix", "choices"), ("prefix", "schema"), ("prefix", "thinking")} <= {
            *can.conflicts
        }
    assert (("thinking", "schema") in can.conflicts) == (schema == "tool")


@pytest.mark.parametrize(
    "server, model, url, can, cannot",
    [
        ("openai", "gpt-4o-mini", "", {"schema", "logprobs"}, {"prefix", "choice_logprobs"}),
        ("openai", "gpt-4.1", "", {"schema", "logprobs"}, {"prefix"}),
        ("openai", "gpt-4-1106-preview", "", {"logprobs"}, {"schema", "choices"}),
        ("openai", "gpt-3.5-turbo", "", {"logprobs"}, {"schema", "choices"}),
        ("openai", "gpt-5-mini", "", {"schema"}, {"logprobs", "prefix"}),
        ("openai", "whatever", "", {"schema", "choices"}, {"logprobs", "prefix", "thinking"}),
        ("mistral", "mistral-small-latest", "", {"prefix", "schema"}, {"logprobs", "thinking"}),
        ("deepseek", "deepseek-v4-flash", "https://x/beta", {"prefix", "thinking"}, {"schema"}),
        ("deepseek", "deepseek-v4-flash", "https://x", {"thinking"}, {"prefix", "schema"}),
        ("dashscope", "qwen-plus", "", {"prefix", "thinking"}, {"schema"}),
        ("dashscope", "qwen-max", "", {"prefix"}, {"schema", "thinking"}),
        ("dashscope", "qwen3.7-plus", "", {"prefix", "thinking", "schema"}, set()),
        ("dashscope", "glm-9", "", set(), {"prefix", "thinking", "schema"}),
        ("openrouter", "anthropic/claude-sonnet-4.5", "", {"prefix", "schema"}, {"thinking"}),
        ("openrouter", "anthropic/claude-opus-4.6", "", {"schema"}, {"prefix"}),
        ("openrouter", "mistralai/mistral-small", "", {"prefix", "schema"}, set()),
        ("openrouter", "vendor/unknown", "", {"schema"}, {"prefix", "thinking"}),
        ("vllm", "claude-lookalike", "", {"prefix", "regex", "schema"}, set()),
    ],
)
def test_other_models(server, model, url, can, cannot):
    found = dialect_of(server, model, url).capabilities
    assert {name for name in can if not getattr(found, name)} == set()
    assert {name for name in cannot if getattr(found, name)} == set()


def test_a_reasoning_model_of_openai_takes_fewer_fields():
    found = dialect_of("openai", "gpt-5-mini", "")
    assert (found.max_tokens_field, found.samples, found.stops) == (
        "max_completion_tokens",
        False,
        False,
    )
    assert found.thinks and found.thinking_tokens >= 1024


def test_a_provider_is_known_only_by_its_own_https_address():
    for host in HOSTS:
        assert host_of(f"https://{host.name}/v1") == host
    for url in (
        "http://api.anthropic.com/v1",
        "https://api.anthropic.com.example.org/v1",
        "https://example.org/api.anthropic.com",
        "http://localhost:8000/v1",
    ):
        assert host_of(url) is None
