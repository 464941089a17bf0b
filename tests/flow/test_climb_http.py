"""A climb against an OpenAI-style server on the loopback: no prefix, schema mode, billed tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rung
import tickets
from openai_server import OpenAIServer, Reply, chat
from rung.core.config import home


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    running = OpenAIServer()
    yield running
    running.stop()


def test_a_climb_and_a_reference_over_http(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")
    home().mkdir(parents=True, exist_ok=True)
    (home() / "engines.toml").write_text(
        "[engines.strong]\n"
        f'base_url = "{server.url}"\nmodel = "m"\nserver = "openai"\nprice = "frontier"\n'
        'api_key_env = "STRONG_KEY"\n',
        "utf-8",
    )
    monkeypatch.setenv("STRONG_KEY", "sk-secret")
    server.script = [Reply(data=chat('{"label": "billing"}'))] * 400

    found = rung.climb(
        "mail",
        rung.Options(
            models=("http:strong",), reference="http:strong", limit=12, rungs=("json", "head")
        ),
    )

    arms = {(arm.route, arm.split): arm for arm in found.arms}
    assert found.incumbent == "reference"
    # 4 uncached and 8 cached prompt tokens, 3 generated, at $5, $0.5 and $25 a million
    assert arms["json", "dev"].cost_usd == pytest.approx((4 * 5 + 8 * 0.5 + 3 * 25) / 1e6)
    assert arms["reference", "holdout"].score < arms["head", "holdout"].score
    assert found.saving is not None
    assert found.saving.reference.startswith("http:strong, measured")
    asked = [post["json"] for post in server.posts]
    assert all(body["response_format"]["type"] == "json_schema" for body in asked)
    stored = b"".join(p.read_bytes() for p in home().rglob("*") if p.is_file())
    assert b"sk-secret" not in stored
