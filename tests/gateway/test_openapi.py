"""The gateway answers as its own OpenAPI document says, to what is meant and to what is not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import rung
import tickets
from gateways import Running, gateway
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.registry import promote_route
from rung.routes.route import Route
from rung.store import Store

HOW_TO = "python -m venv DIR && DIR/bin/pip install schemathesis; RUNG_TEST_SCHEMATHESIS=DIR/bin/st"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
)  # fmt: skip


def open_mail(model: str) -> FakeEngine:
    def say(request: Request) -> str:
        return request.choices[0] if request.choices else json.dumps({"label": "billing"})

    return FakeEngine(model, script=say, capabilities=tickets.ABILITIES)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")
    store = Store()
    promote_route(
        store, "mail", Route(name="form", rung="form", output="form", model="fake:weak"), {}
    )
    store.close()
    with gateway(open_engine=open_mail) as found:
        yield found


def document(running: Running) -> Any:
    found = running.get("/openapi.json")
    assert found.status == 200
    return json.loads(found.body)


def check(said: Any, path: str, method: str, status: int, body: bytes) -> None:
    responses = said["paths"][path][method]["responses"]
    response = responses.get(str(status), responses["default"])
    schema = response["content"]["application/json"]["schema"]
    jsonschema.validate(json.loads(body), {**schema, "components": said["components"]})


def test_answers_and_refusals_are_as_described(running: Running) -> None:
    said = document(running)
    mail = "/v1/tasks/mail"
    for path, body, status in (
        (mail, {"input": "I was charged twice"}, 200),
        (mail, {"inputs": ["charged twice", " "]}, 200),
        (mail, {"input": ""}, 400),
        (mail, {"text": "?"}, 400),
        ("/v1/systemone", {"state": "charged twice", "model": "task/mail"}, 200),
        ("/v1/systemone", {"state": "?", "model": "task/none"}, 404),
        ("/v1/feedback", {"call_id": "call_" + "0" * 28, "accepted": True}, 200),
        ("/v1/feedback", {"call_id": "no"}, 400),
        ("/v1/chat/completions", {"messages": [], "model": "task/mail"}, 400),
    ):
        found = running.post(path, body)
        assert found.status == status, (path, body, found.body)
        check(said, path, "post", status, found.body)
    for path in ("/healthz", "/readyz", "/v1/models", "/openapi.json"):
        check(said, path, "get", 200, running.get(path).body)


def test_an_answers_schema_is_the_tasks_own(running: Running) -> None:
    answers = document(running)["paths"]["/v1/tasks/mail"]["post"]["responses"]["200"]
    one, _ = answers["content"]["application/json"]["schema"]["anyOf"]
    labels = one["properties"]["output"]["anyOf"][0]["properties"]["label"]["enum"]
    assert sorted(labels) == ["billing", "shipping", "technical"]


def test_a_wrong_method_is_told_the_right_one(running: Running) -> None:
    found = running.get("/v1/feedback")
    assert (found.status, found.headers["allow"]) == (405, "POST")


@pytest.mark.slow
def test_schemathesis_finds_no_server_error_and_no_violation(
    running: Running, tmp_path: Path
) -> None:
    program = os.environ.get("RUNG_TEST_SCHEMATHESIS") or shutil.which("st")
    if not program:
        pytest.skip(HOW_TO)
    done = subprocess.run(
        [program, "run", f"{running.url}/openapi.json", "--checks", ",".join(CHECKS),
         "--max-examples", "60", "--seed", "1", "--generation-database", "none", "--no-color"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    tested = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert tested is not None and int(tested[1]) == int(tested[2]) > 300
