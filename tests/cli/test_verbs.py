"""Every verb once, with the JSON and exit codes that people script against."""

from __future__ import annotations

import json
from pathlib import Path

from rung.core.config import home
from rung.core.hashing import content_hash
from rung.worlds.catalog import BUNDLED

CLIMB_KEYS = {"task", "routes", "verdict", "promoted", "reason", "saving"}
ROUTE_KEYS = {
    "route",
    "rung",
    "model",
    "split",
    "num_examples",
    "num_groups",
    "score",
    "score_sd",
    "score_ci",
    "strict",
    "strict_ci",
    "latency_p50_ms",
    "latency_p95_ms",
    "prompt_tokens",
    "output_tokens",
    "cost_usd",
    "cost_per_point",
    "cpao_usd",
}
ASK_KEYS = {
    "output",
    "status",
    "route",
    "fields",
    "usage",
    "latency_ms",
    "cost_usd",
    "reason",
}
COMPARE_KEYS = {
    "n",
    "num_groups",
    "diff",
    "ci",
    "p_value",
    "discordant",
    "mcnemar_p",
    "margin",
    "verdict",
    "num_needed",
}
ROW_KEYS = {
    "example",
    "group",
    "sample",
    "score",
    "strict",
    "output",
    "usage",
    "latency_ms",
    "cost_usd",
    "error",
}


def climbed(rung_command, mail: str):  # type: ignore[no-untyped-def]
    return rung_command("climb", mail, "--model", "fake:w", "--limit", "40", "--json")


def test_climb_then_everything_that_follows(rung_command, mail: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    done = climbed(rung_command, mail)
    assert done.code == 0, done.err
    climb = json.loads(done.out)
    assert set(climb) >= CLIMB_KEYS
    assert all(set(route) >= ROUTE_KEYS for route in climb["routes"])
    assert (climb["verdict"], climb["promoted"]) == ("promote", "head")

    asked = rung_command("ask", mail, "the courier lost my parcel", "--json")
    assert set(json.loads(asked.out)) == ASK_KEYS
    assert json.loads(asked.out)["output"] == {"label": "shipping"}
    plain = rung_command("ask", mail, "the courier lost my parcel")
    assert plain.out.startswith("label: shipping   p ")

    batch = tmp_path / "in.jsonl"
    batch.write_text('\ufeff{"input": "my card\u2028was charged"}\r\n"login error"\n\n', "utf-8")
    rows = [
        json.loads(line) for line in rung_command("ask", mail, "--file", batch).out.splitlines()
    ]
    assert [row["output"]["label"] for row in rows] == ["billing", "technical"]
    for line in ('"half \\ud800"', "[" * 100_000, "not quoted"):
        batch.write_text(line, "utf-8")
        bad = rung_command("ask", mail, "--file", batch)
        assert (bad.code, bad.out) == (2, "")
        assert "in.jsonl, line 1" in bad.err
        assert "one JSON string or object a line" in bad.err
    assert "not UTF-8" in rung_command("ask", mail, "not \udcff text").err

    page = tmp_path / "report.html"
    assert rung_command("report", mail, "--html", page).code == 0
    assert "<svg" in page.read_text("utf-8")
    assert "head" in rung_command("report", mail).out

    shown = json.loads(rung_command("show", mail, "--json").out)
    assert [r["name"] for r in shown["routes"] if r["serving"]] == ["head"]
    assert shown["num_openings"] == 1

    receipt = next(Path(climb["run_dir"]).glob("gate-*/receipt.json"))
    verified = rung_command("gate", "--verify", receipt)
    assert (verified.code, "not compared" in verified.err) == (0, False)
    recorded = json.loads(receipt.read_text("utf-8"))
    recorded |= {"split_sha256": "ab" * 32}
    recorded["receipt_sha256"] = content_hash(
        {key: value for key, value in recorded.items() if key != "receipt_sha256"}
    )
    other = receipt.with_name("other.json")
    other.write_text(json.dumps(recorded), "utf-8")
    assert "split_sha256" in rung_command("gate", "--verify", other).out
    folder = home() / "tasks" / mail
    away = folder.rename(tmp_path / "away")
    verified = rung_command("gate", "--verify", receipt)
    assert (verified.code, "not compared" in verified.err) == (0, True)
    away.rename(folder)
    contract = (folder / "task.toml").read_text("utf-8")
    (folder / "task.toml").write_text("broken", "utf-8")
    verified = rung_command("gate", "--verify", receipt)
    assert (verified.code, "cannot be read" in verified.err) == (0, True)
    (folder / "task.toml").write_text(contract, "utf-8")
    rows = (folder / "examples.jsonl").read_text("utf-8")
    (folder / "examples.jsonl").write_text(rows.replace('"input": "', '"input": "so: '), "utf-8")
    verified = rung_command("gate", "--verify", receipt)
    assert (verified.code, "was edited" in verified.err) == (0, True)
    (folder / "examples.jsonl").write_text(rows, "utf-8")
    receipt.write_text(receipt.read_text("utf-8").replace('"promote"', '"reject"', 1), "utf-8")
    assert rung_command("gate", "--verify", receipt).code == 1

    refused = rung_command("promote", mail, "form")
    assert refused.code == 2
    assert "rung gate" in refused.err
    judged = rung_command("gate", mail, "form", "--json")
    assert json.loads(judged.out)["verdict"] in ("hold", "reject")
    assert judged.code == {"hold": 3, "reject": 4}[json.loads(judged.out)["verdict"]]

    assert json.loads(rung_command("rollback", mail, "--json").out)["route"] is None
    assert rung_command("promote", mail, "head").code == 0
    assert rung_command("ask", mail, "login error").code == 0


def test_a_task_is_shown_in_words(rung_command, mail: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    contract = tmp_path / "rung" / "tasks" / mail / "task.toml"
    limit = (
        '[[gate.forbidden]]\nname = "lost"\nfield = "label"\ntrue = "billing"\npredicted = "*"\n'
    )
    contract.write_text(contract.read_text("utf-8") + limit, "utf-8")
    shown = rung_command("show", mail).out
    assert "forbidden: name lost, field label, true billing, predicted *, max_rate 0.0" in shown
    assert "recall: none" in shown
    assert "label: scorer exact, weight 1.0" in shown
    assert "error cost: none" in shown
    assert "{" not in shown


def test_run_and_compare(rung_command, mail: str):  # type: ignore[no-untyped-def]
    files = []
    for route in ("majority", "head"):
        done = rung_command("run", mail, "--route", route, "--model", "fake:w", "--json")
        assert done.code == 0, done.err
        files.append(Path(json.loads(done.out)["results"]))
    assert all(
        set(json.loads(line)) >= ROW_KEYS for line in files[0].read_text("utf-8").splitlines()
    )
    done = rung_command("compare", *files, "--json")
    found = json.loads(done.out)
    assert set(found) == COMPARE_KEYS
    assert (done.code, found["verdict"]) == (0, "promote")
    back = rung_command("compare", files[1], files[0])
    assert back.code == 4
    assert f"{files[0].parent.name} against {files[1].parent.name}" in back.out
    same = rung_command("compare", files[0], files[0], "--margin", "0.01", "--group", "example")
    assert same.code == 3


def test_dry_run_prints_the_estimate_and_stops(rung_command, mail: str):  # type: ignore[no-untyped-def]
    done = rung_command("climb", mail, "--model", "fake:w", "--dry-run", "--json")
    assert done.code == 0
    assert json.loads(done.out)["num_calls"] > 0
    assert rung_command("ask", mail, "hello").code == 2


def test_the_estimate_names_the_train_answers_of_an_optional_rung(rung_command, mail: str):  # type: ignore[no-untyped-def]
    given = ("climb", mail, "--model", "fake:w", "--rungs", "form,calibrated", "--dry-run")
    done = rung_command(*given)
    assert done.code == 0, done.err
    num_train = json.loads(rung_command(*given, "--json").out)["num_train"]
    assert f"estimate: {num_train} train, " in done.err
    assert 50 <= num_train <= 100
    refused = rung_command("climb", mail, "--rungs", "calibratd")
    assert refused.code == 2
    assert "did you mean 'calibrated'" in refused.err


def test_tasks_models_doctor_and_version(rung_command, mail: str):  # type: ignore[no-untyped-def]
    rows = [json.loads(line) for line in rung_command("tasks", "--json").out.splitlines()]
    assert {row["task"] for row in rows} == {"mail", *BUNDLED}
    assert "smollm2-135m" in rung_command("models").out
    doctor = json.loads(rung_command("doctor", "--json").out)
    assert {check["name"] for check in doctor["checks"]} >= {"python", "home", "llama", "model"}
    assert rung_command("--version").out.startswith("rung 0.")


def test_doctor_sees_a_home_that_cannot_be_one_and_a_model_that_is_cut_off(  # type: ignore[no-untyped-def]
    rung_command, no_models: Path, tmp_path: Path, monkeypatch
):
    def found(name: str) -> dict[str, object]:
        checks = json.loads(rung_command("doctor", "--json").out)["checks"]
        return next(check for check in checks if check["name"] == name)

    assert "not pulled yet" in found("model")["found"]
    (no_models / "smollm2-135m.gguf").write_bytes(b"GGUF")
    assert (found("model")["ok"], "4 bytes instead of" in found("model")["found"]) == (False, True)
    assert "--force" in found("model")["fix"]
    (tmp_path / "file").write_text("", "utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "home", tmp_path / ("a" * 300)):
        monkeypatch.setenv("RUNG_HOME", str(place))
        assert found("home")["ok"] is False
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "new" / "home"))
    assert found("home")["ok"] is True


def test_form_shows_and_checks(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}, "note": {"type": "string", "maxLength": 9}},
        "required": ["kind", "note"],
    }
    path, answer = tmp_path / "schema.json", tmp_path / "answer.json"
    path.write_text(json.dumps(schema), "utf-8")
    shown = rung_command("form", path).out
    assert "choose" in shown
    assert "generate" in shown
    answer.write_text('{"kind": "a", "note": "short"}', "utf-8")
    assert rung_command("form", path, "--check", answer).code == 0
    answer.write_text('{"kind": "c", "note": "short"}', "utf-8")
    assert rung_command("form", path, "--check", answer).code == 1
