"""Tasks on the wire: OpenAI's, the typed one, by the arm that the task's mode says."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rung
import tickets
from gateways import Upstream, gateway, kept
from mailroom import TEXT, Models, ask, make_task, set_mode, wait_for_mode
from rung.cli import app
from rung.core.config import home
from rung.core.errors import ConfigError
from rung.flow.mode import set_mode as set_mode_checked
from rung.gateway.catalogue import Catalogue
from rung.gateway.modes import STAGES, Mode, assign, check_mode, read_mode
from rung.gateway.rollouts import units_of
from rung.gateway.settings import Limits, Settings, UpstreamRules
from rung.registry import promote_route
from rung.routes.route import Route
from rung.store import Store
from rung.store.calls import CallLog
from rung.store.modes import ModeLog


@pytest.fixture
def models(tmp_path: Path, upstream: Upstream) -> Models:
    return make_task(tmp_path, upstream)


def test_a_task_answers_chats_and_typed_inputs(models: Models) -> None:
    with gateway(open_engine=models.open) as running:
        chat = running.chat("task/mail", text=TEXT)
        message = chat.json()["choices"][0]["message"]
        assert json.loads(message["content"]) == {"label": "billing"}
        assert chat.headers["x-rung-route"] == "form" and chat.headers["x-rung-status"] == "ok"

        offered = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
        called = running.chat("task/mail", text=TEXT, tools=offered).json()["choices"][0]
        assert called["finish_reason"] == "tool_calls"
        arguments = called["message"]["tool_calls"][0]["function"]["arguments"]
        assert json.loads(arguments) == {"label": "billing"}

        streamed = running.chat("task/mail", text=TEXT, stream=True).body
        assert streamed.endswith(b"data: [DONE]\n\n") and b"billing" in streamed

        one = running.post("/v1/tasks/mail", {"input": TEXT}).json()
        assert one["output"] == {"label": "billing"} and 0 < one["fields"]["label"]["p"] <= 1
        many = running.post("/v1/tasks/mail", {"inputs": [TEXT, " ", "late parcel"]}).json()
        assert [row["status"] for row in many["results"]] == ["ok", "failed", "ok"]
        assert running.get("/v1/models").json()["data"][0]["id"] == "task/mail"
    calls = kept()
    assert len(calls) == 6 and {call.task for call in calls} == {"mail"}
    assert {call.wire for call in calls} == {"chat", "task"}


def test_what_a_task_cannot_honour_is_refused_by_name(models: Models) -> None:
    with gateway(open_engine=models.open) as running:

        def code(**fields: Any) -> tuple[int, str]:
            found = running.post("/v1/chat/completions", {"model": "task/mail"} | fields)
            return found.status, found.json()["error"]["code"]

        user = {"role": "user", "content": TEXT}
        image = [{"type": "image_url", "image_url": {"url": "x"}}]
        assert code(messages=[user], logprobs=True) == (400, "unsupported_parameter")
        assert code(messages=[user], stop=["x"]) == (400, "unsupported_parameter")
        assert code(messages=[{"role": "user", "content": image}])[0] == 400
        assert code(messages=[user, user]) == (400, "not_one_input")
        assert code(messages=[{"role": "user", "content": " "}]) == (400, "empty_input")
        assert code(messages=[user], n=99) == (400, "invalid_value")
        two = [{"type": "function", "function": {"name": name}} for name in "fg"]
        assert code(messages=[user], tools=two) == (400, "unsupported_parameter")
        assert running.chat("task/none").status == 404
        assert running.post("/v1/tasks/none", {"input": "x"}).status == 404
        assert running.post("/v1/tasks/mail", {}).status == 400
        assert running.post("/v1/tasks/mail", {"inputs": []}).status == 400
    assert models.asked == []


@pytest.mark.parametrize("path", ["completions", "embeddings", "messages"])
def test_a_task_on_another_wire_goes_nowhere(models: Models, upstream: Upstream, path: str) -> None:
    task_file = home() / "tasks" / "mail" / "task.toml"
    task_file.write_text("local_only = true\n" + task_file.read_text("utf-8"), "utf-8")
    settings = Settings(upstream=UpstreamRules(default="strong"))
    body = {"model": "task/mail", "prompt": TEXT, "input": TEXT, "messages": []}
    with gateway(settings, open_engine=models.open) as running:
        found = running.post(f"/v1/{path}", body)
        assert running.chat("anything else").status == 200
    assert found.status == 400 and "/v1/tasks/mail" in found.json()["error"]["message"]
    assert len(upstream.exchanges) == 1 and models.asked == []
    assert Catalogue(settings).find("task/mail") == ()


def test_a_mode_says_who_answers_and_what_is_kept_beside(models: Models) -> None:
    with gateway(open_engine=models.open) as running:

        def after(name: str, **detail: Any) -> tuple[Any, str, str]:
            wait_for_mode(running, set_mode(name, **detail))
            return ask(running)

        assert after("teacher") == ({"label": "shipping"}, "ok", "frontier")
        assert after("shadow") == ({"label": "shipping"}, "ok", "frontier")
        assert after("cascade", min_p=0.5) == ({"label": "billing"}, "ok", "specialist")
        assert after("cascade", min_p=0.95) == ({"label": "shipping"}, "escalated", "frontier")
        assert after("specialist") == ({"label": "billing"}, "ok", "specialist")
    calls = [call for call in kept() if not call.pair]
    pairs = {call.pair: call for call in kept() if call.pair}
    assert [call.mode for call in calls] == [
        "teacher",
        "shadow",
        "cascade",
        "cascade",
        "specialist",
    ]
    assert set(pairs) == {calls[1].id, calls[3].id}
    assert all(call.arm == "specialist" for call in pairs.values())


def test_a_mode_from_a_newer_version_does_not_stop_the_watch(models: Models) -> None:
    with gateway(open_engine=models.open) as running:
        unknown = set_mode("warp")
        time.sleep(0.2)
        assert running.get(running.admin_url + "/modes").json()["mail"]["id"] < unknown
        assert ask(running)[2] == "specialist"
        wait_for_mode(running, set_mode("teacher"))
        assert ask(running)[2] == "frontier"


def test_a_mode_set_by_hand_keeps_what_it_had_and_shows_what_it_uses(models: Models) -> None:
    def change(*arguments: str) -> str:
        done = CliRunner().invoke(app.app, ["mode", "mail", *arguments], catch_exceptions=False)
        return done.stdout.split("(", 1)[1].strip()

    change("cascade", "--frontier", "http:strong", "--min-p", "0.8")
    assert change("cascade", "--audit-share", "0.1") == (
        "audit_share 0.1, frontier http:strong, min_p 0.8)"
    )
    change("canary", "--margin", "0.02", "--stage", "2")
    assert change("teacher") == "frontier http:strong)"
    assert change("cascade", "--frontier", "fake:weak") == (
        "audit_share 0.1, frontier fake:weak, min_p 0.8)"
    )
    canary = change("canary")
    assert "margin 0.02" in canary and "max_failed 0.05" in canary
    assert "fake:weak" in canary and "stage" not in canary  # it begins anew
    with pytest.raises(ConfigError, match="'teacher' has no use for --min-p 0.9") as refused:
        change("teacher", "--min-p", "0.9")
    assert "--min-p goes with cascade" in refused.value.hint


def test_typed_questions_are_answered_with_probabilities(models: Models) -> None:
    questions = {
        "angry": {"type": "noul", "instructions": "Is the customer angry?"},
        "about": {"type": "choice", "instructions": "What?", "criteria": {"billing": "", "x": ""}},
        "how.bad": {"type": "score", "instructions": "How bad?", "criteria": ["ok", "bad", "dire"]},
    }
    body = {"model": "task/mail", "state": {"text": TEXT}, "questions": questions}
    with gateway(open_engine=models.open) as running:
        found = running.post("/v1/systemone", body)
        answers = found.json()["answers"]
        assert list(answers) == list(questions) and found.json()["usage"]["output_tokens"] > 0
        # the fake gives 0.9 to what it says, else to the first option
        assert answers["angry"] == {"type": "noul", "noul": pytest.approx(0.9), "calibrated": False}
        assert answers["about"]["choice"] == "billing"
        assert answers["about"]["confidence"] == pytest.approx(0.8)
        assert answers["how.bad"]["score"] == pytest.approx(0.05 + 2 * 0.05)
        assert answers["how.bad"]["legend"] == {"0": "ok", "1": "bad", "2": "dire"}
        own = running.post("/v1/systemone", body | {"questions": {}}).json()["answers"]
        assert own["label"]["choice"] == "billing"
        assert sum(own["label"]["probabilities"].values()) == pytest.approx(1)
        for wrong in ({"type": "choice"}, {"type": "score", "criteria": ["a"]}, {"type": "x"}):
            assert running.post("/v1/systemone", body | {"questions": {"q": wrong}}).status == 400
        assert running.post("/v1/systemone", body | {"model": "gpt"}).status == 404
    calls = kept()
    assert [call.outcome for call in calls] == ["ok", "ok"]
    assert all(call.cost_usd and call.cost_usd > 0 for call in calls)


def test_typed_questions_without_an_answer_are_kept_with_what_they_cost(models: Models) -> None:
    body = {"model": "task/mail", "state": TEXT, "questions": {"angry": {"type": "noul"}}}
    models.abilities = replace(tickets.ABILITIES, choices=False, choice_logprobs=False)
    with gateway(Settings(limits=Limits(request_s=2.0)), open_engine=models.open) as running:

        def code() -> tuple[int, str]:
            found = running.post("/v1/systemone", body)
            return found.status, found.json()["error"]["code"]

        assert code() == (502, "no_decision")
        models.down = {"fake:weak"}
        assert code() == (503, "route_unavailable")
        release = threading.Event()
        models.meanwhile = lambda model: release.wait(20)
        assert code() == (504, "task_timeout")
        release.set()
    calls = kept()
    assert [(call.status, call.outcome) for call in calls] == [
        (502, "error"), (503, "error"), (504, "error"),
    ]  # fmt: skip
    assert calls[0].cost_usd and calls[0].output_tokens and calls[0].served_by == "fake:weak"


def test_feedback_is_kept_whenever_it_comes(models: Models) -> None:
    early = "call_" + "0" * 28
    with gateway(open_engine=models.open) as running:
        said = {"call_id": early, "accepted": False, "correction": {"label": "a@b.co"}}
        assert running.post("/v1/feedback", said).status == 200
        assert running.post("/v1/feedback", {"call_id": early}).status == 400
        assert running.post("/v1/feedback", {"call_id": "x", "reward": 1}).status == 400
    store = Store()
    (kept_feedback,) = CallLog(store).feedback([early], "")[early]
    assert (kept_feedback.accepted, kept_feedback.correction) == (False, '{"label":"[mail]"}')
    assert CallLog(store).feedback([early], "other") == {}
    store.close()


def test_a_local_task_refuses_whatever_would_leave_the_machine(models: Models) -> None:
    path = home() / "tasks" / "mail" / "task.toml"
    path.write_text("local_only = true\n" + path.read_text("utf-8"), "utf-8")
    (home() / "engines.toml").write_text(
        '[engines.far]\nbase_url = "https://far.example/v1"\nmodel = "m"\nprice = "frontier"\n'
        '[engines.near]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n',
        "utf-8",
    )
    with pytest.raises(ConfigError, match="local_only"):
        set_mode_checked("mail", "cascade", {"frontier": "http:far"})
    set_mode_checked("mail", "cascade", {"frontier": "http:near"})
    with gateway(open_engine=models.open) as running:
        assert ask(running)[2] == "specialist"
    set_mode("cascade", frontier="http:far")  # written past the check, as by an older version
    with pytest.raises(ConfigError, match="local_only"), gateway(open_engine=models.open):
        pass
    far = Route(name="far", rung="json", output="json", model="http:far")
    store = Store()
    promote_route(store, "mail", far, {})
    store.close()
    with pytest.raises(ConfigError, match="local_only"):
        next(iter(rung.ask("mail", [TEXT])))


def test_a_canary_is_judged_by_the_arms_it_served(models: Models) -> None:
    set_mode("canary", stage=2, rollout=3)
    numbers = [f"+49 170 12345{number}" for number in range(60, 84)]
    (home() / "names.key").write_bytes(bytes(32))  # which arm a number has follows from the key
    with gateway(open_engine=models.open) as running:

        def arm(number: str) -> str:
            body = {"input": TEXT, "conversation": number}
            return str(running.post("/v1/tasks/mail", body).json()["arm"])

        served = [arm(number) for number in numbers]
        assert [arm(number) for number in numbers] == served and len(set(served)) == 2
    store = Store()
    mode = read_mode(ModeLog(store).current()["mail"])
    units = units_of(CallLog(store), "mail", mode)
    store.close()
    assert [unit.arm for unit in units] == served
    assert not any("1234" in call.conversation for call in kept())


def test_a_conversation_keeps_its_arm_as_the_canary_grows() -> None:
    def arms(stage: int) -> list[str]:
        detail = check_mode("canary", {"frontier": "http:x", "stage": stage, "rollout": 7})
        mode = Mode(id=9, name="canary", detail=detail)
        return [assign(mode, "mail", f"c{i}") for i in range(4000)]

    before: set[int] = set()
    for stage, share in enumerate(STAGES):
        now = {i for i, arm in enumerate(arms(stage)) if arm == "specialist"}
        assert before <= now
        assert abs(len(now) / 4000 - share) < 4 * (share * (1 - share) / 4000) ** 0.5 + 1e-9
        before = now


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("fast", {}),
        ("shadow", {}),
        ("canary", {"frontier": "x", "stage": 4}),
        ("cascade", {"p": 1}),
    ],
)
def test_a_mode_that_makes_no_sense_is_refused(name: str, detail: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        check_mode(name, detail)
