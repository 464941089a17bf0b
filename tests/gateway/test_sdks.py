"""Official clients, unchanged but for the base URL, against the gateway."""

from __future__ import annotations

import json

import pytest

from gateways import DONE, Exchange, Upstream, chunk, gateway, kept, write_endpoints
from rung.core.config import home

CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 4},
}


def test_the_openai_client(upstream: Upstream) -> None:
    openai = pytest.importorskip("openai", reason="pip install 'rung[test]'")
    write_endpoints(a=upstream.url)
    with gateway() as running:
        client = openai.OpenAI(base_url=running.url + "/v1", api_key="any", max_retries=0)
        messages = [{"role": "user", "content": "hello"}]
        whole = client.chat.completions.create(model="a", messages=messages)
        assert whole.choices[0].message.content == "hi" and whole.usage.completion_tokens == 3
        stream = client.chat.completions.create(model="a", messages=messages, stream=True)
        text = "".join(part.choices[0].delta.content or "" for part in stream)
        assert text == "hello"
        raw = client.chat.completions.with_raw_response.create(model="a", messages=messages)
        assert raw.headers["x-rung-call-id"].startswith("call_")
        upstream.script = embeddings
        found = client.embeddings.create(model="a", input=["x"], encoding_format="float")
        assert found.data[0].embedding == [0.5]
        assert [card.id for card in client.models.list()] == ["a", "m-a"]
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="none", messages=messages)
        assert missing.value.code == "model_not_found"
        upstream.script = lambda e: e.events(chunk("he"), end=False)
        with pytest.raises(openai.APIError, match="connection was closed"):
            list(client.chat.completions.create(model="a", messages=messages, stream=True))
        client.close()
    assert [call.wire for call in kept()] == ["chat"] * 3 + ["embeddings", "chat"]


def embeddings(exchange: Exchange) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    exchange.reply(
        json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode()
    )


@pytest.mark.slow
def test_the_anthropic_client(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    anthropic = pytest.importorskip("anthropic", reason="pip install 'rung[test]'")
    home().mkdir(parents=True, exist_ok=True)
    (home() / "engines.toml").write_text(
        f'[engines.claude]\nbase_url = "{upstream.url}"\nmodel = "claude-x"\n'
        'server = "anthropic"\napi_key_env = "CLAUDE_KEY"\n',
        "utf-8",
    )
    monkeypatch.setenv("CLAUDE_KEY", "sk-upstream")
    events = [
        {"type": "message_start", "message": CLAUDE | {"content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hey"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    pieces = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]
    upstream.script = lambda e: (
        e.events(*pieces) if e.json().get("stream") else e.reply(json.dumps(CLAUDE).encode())
    )
    asked = {"model": "claude", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]}
    with gateway() as running:
        client = anthropic.Anthropic(base_url=running.url, api_key="any", max_retries=0)
        assert client.messages.create(**asked).content[0].text == "hi"
        with client.messages.stream(**asked) as stream:
            assert "".join(stream.text_stream) == "hey"
        with pytest.raises(anthropic.NotFoundError):
            client.messages.create(**asked | {"model": "none"})
        client.close()
        assert running.chat("claude").json()["error"]["code"] == "wrong_wire"
    assert upstream.exchanges[0].header("x-api-key") == "sk-upstream"
    assert upstream.exchanges[0].json()["model"] == "claude-x"
    first, second = kept()
    assert (first.prompt_tokens, first.cached_tokens, first.output_tokens) == (9, 4, 2)
    assert second.output_tokens == 5 and json.loads(second.response)["content"][0]["text"] == "hey"
    assert first.conversation == second.conversation


@pytest.mark.slow
def test_the_langchain_client(upstream: Upstream) -> None:
    langchain = pytest.importorskip("langchain_openai", reason="pip install 'rung[test]'")
    write_endpoints(a=upstream.url)
    with gateway() as running:
        model = langchain.ChatOpenAI(
            model="a", base_url=running.url + "/v1", api_key="any", max_retries=0
        )
        assert model.invoke("hello").content == "hi"
        usage = chunk(
            None, choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        )
        upstream.script = lambda e: e.events(chunk("he"), chunk("y", "stop"), usage, DONE)
        assert "".join(part.content for part in model.stream("hello")) == "hey"
