"""A climb against an OpenAI-style server on the loopback: no prefix, schema mode, billed tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rung
import tickets
from openai_server import OpenAIServer, Reply, chat
from rung.core.config import home
from rung.core.errors import EngineError
from rung.flow.run import run_route
from rung.ladder.climb import draw
from rung.ladder.result import Climb
from rung.report.summary import notes
from rung.routes.evaluate import MAX_REJECTED
from rung.tasks.task import Task

REFUSED = Reply(status=400, data={"error": {"message": "against our policy"}})


class Choosy(OpenAIServer):
    """Refuses requests that hold a word, and every one after the first `patience`."""

    word = ""
    patience = 10**9

    def reply_to(self, asked: dict[str, Any]) -> Reply:
        said = json.dumps(asked["json"] or {})
        if asked["method"] == "POST" and (
            len(self.posts) > self.patience or (self.word and self.word in said)
        ):
            return REFUSED
        return super().reply_to(asked)


@pytest.fixture
def server() -> Iterator[Choosy]:
    running = Choosy()
    yield running
    running.stop()


@pytest.fixture
def mail(server: Choosy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    made = rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")
    home().mkdir(parents=True, exist_ok=True)
    (home() / "engines.toml").write_text(
        "[engines.strong]\n"
        f'base_url = "{server.url}"\nmodel = "m"\nserver = "openai"\nprice = "frontier"\n'
        'api_key_env = "STRONG_KEY"\n',
        "utf-8",
    )
    monkeypatch.setenv("STRONG_KEY", "sk-secret")
    server.script = [Reply(data=chat('{"label": "billing"}'))] * 400
    return made.task


@pytest.mark.usefixtures("mail")
def test_a_climb_and_a_reference_over_http(server: Choosy) -> None:
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


def climb_over_http() -> Climb:
    options = rung.Options(models=("http:strong",), limit=12, rungs=("blank", "json"))
    return rung.climb("mail", options)


def test_one_refused_request_is_a_failed_example_and_the_climb_goes_on(
    server: Choosy, mail: Task
) -> None:
    refused = draw(mail.dev, 12, seed=0, name="dev")[4]
    server.word = refused.input.split()[-1]
    found = climb_over_http()
    asked = [arm for arm in found.arms if arm.split == "dev" and arm.model]
    assert {arm.route for arm in asked} >= {"blank", "json"}
    for arm in asked:
        failed = [row for row in arm.rows if row.status == "failed"]
        assert [row.example for row in failed] == [refused.id]
        assert "refused the request (400): against our policy" in str(failed[0].error)
        assert not failed[0].strict
        assert any("against our policy" in line for line in notes([arm]))


@pytest.mark.usefixtures("mail")
@pytest.mark.parametrize("num_answered", [0, 16])
def test_a_server_that_refuses_everything_ends_the_climb(server: Choosy, num_answered: int) -> None:
    server.patience = num_answered
    with pytest.raises(EngineError, match=rf"against our policy \({MAX_REJECTED} examples in a"):
        climb_over_http()


@pytest.mark.usefixtures("mail")
def test_a_refused_input_of_a_batch_fails_alone_and_is_asked_again(server: Choosy) -> None:
    run_route("mail", "json", model="http:strong", limit=2)
    server.word = "forbidden"
    batch = ["My bill is too high", "a forbidden one", "My bill is wrong"]
    said = list(rung.ask("mail", batch, route="json"))
    assert [one.status for one in said] == ["ok", "failed", "ok"]
    assert "against our policy" in said[1].reason
    server.word, num_before = "", len(server.posts)
    assert [one.status for one in rung.ask("mail", batch, route="json")] == ["ok"] * 3
    assert len(server.posts) == num_before + 1


@pytest.mark.usefixtures("mail")
def test_a_batch_of_which_everything_is_refused_ends(server: Choosy) -> None:
    run_route("mail", "json", model="http:strong", limit=2)
    server.word = "forbidden"
    said = rung.ask("mail", [f"forbidden {i}" for i in range(9)], route="json")
    with pytest.raises(EngineError, match="against our policy"):
        list(said)
