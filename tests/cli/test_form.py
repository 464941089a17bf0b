"""`rung form`: the plan, instances checked, forms filled, streams of schemas, exit codes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"enum": ["billing", "card lost"]},
        "reason": {"type": "string", "maxLength": 20},
        "amount": {"type": "number", "minimum": 0},
        "code": {"type": "string", "not": {"const": "x"}},
    },
    "required": ["label", "reason"],
}
GOOD = {"label": "billing", "reason": "why"}
RESULT_KEYS = {"status", "valid", "output", "reason"}
FILLED_KEYS = RESULT_KEYS | {"fields", "usage", "effort", "latency_ms"}


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    return written(tmp_path / "schema.json", SCHEMA)


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), "utf-8")
    return path


def lines(path: Path, *values: Any) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    return path


def test_the_plan_says_what_is_forced_chosen_and_generated(rung_command, schema: Path):  # type: ignore[no-untyped-def]
    done = rung_command("form", schema)
    assert done.code == 0
    skeleton, _, *rows = done.out.splitlines()
    assert skeleton == (
        '{"label": ‹label›, "reason": ‹reason›, "amount": ‹amount›, "code": ‹code›}'
    )
    assert [row.split()[:2] for row in rows] == [
        ["$", "decide"],
        ["label", "choose"],
        ["reason", "generate"],
        ["amount", "generate"],
        ["code", "generate"],
        ["code", "check"],
    ]
    assert "passes (at least 5)" in done.err
    assert "warning: reason: it is written after 'label'" in done.err
    assert "--engine MODEL counts its own tokens" in done.err


def test_the_layout_may_be_chosen(rung_command, schema: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    indented = rung_command("form", schema, "--style", "indented").out
    assert indented.startswith('{\n  "label": ‹label›,\n')
    flat = written(tmp_path / "flat.json", SCHEMA | {"required": list(SCHEMA["properties"])})
    assert rung_command("form", flat, "--style", "lines").code == 0
    refused = rung_command("form", schema, "--style", "lines")
    assert (refused.code, refused.out) == (2, "")
    assert "does not fit on one line" in refused.err


def test_the_plan_as_json(rung_command, schema: Path):  # type: ignore[no-untyped-def]
    found = json.loads(rung_command("form", schema, "--json").out)
    assert set(found) == {"form", "unsupported", "results"}
    assert (found["unsupported"], found["results"]) == ([], [])
    assert {"hash", "style", "skeleton", "parts", "checked", "narrowed", "warnings"} == set(
        found["form"]
    )
    assert [(note["path"], note["keyword"]) for note in found["form"]["checked"]] == [
        ("code", "not")
    ]


@pytest.mark.parametrize(
    ("instance", "status", "valid", "reason"),
    [
        (GOOD, "ok", True, ""),
        (GOOD | {"amount": 12.5}, "ok", True, ""),
        (GOOD | {"label": "other"}, "failed", False, "label: "),
        ({"label": "billing"}, "failed", False, "'reason' is a required property"),
        (GOOD | {"code": "x"}, "failed", False, "code: "),
        (GOOD | {"amount": 1e-9}, "failed", True, "amount: 1e-09 cannot be written"),
        (GOOD | {"more": 1}, "failed", True, "never writes the key 'more'"),
        ([], "failed", False, "$: "),
    ],
)
def test_an_instance_is_valid_or_not_and_within_reach_or_not(  # type: ignore[no-untyped-def]
    rung_command, schema: Path, tmp_path: Path, instance: Any, status, valid, reason
):
    path = written(tmp_path / "instance.json", instance)
    done = rung_command("form", schema, "--check", path, "--json")
    (row,) = json.loads(done.out)["results"]
    assert set(row) == RESULT_KEYS
    assert (row["status"], row["valid"], row["output"]) == (status, valid, instance)
    assert reason in row["reason"]
    assert bool(row["reason"]) == bool(reason)
    assert done.code == (0 if status == "ok" else 1)
    assert valid == jsonschema.Draft202012Validator(SCHEMA).is_valid(instance)


def test_instances_one_a_line(rung_command, schema: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    path = lines(tmp_path / "in.jsonl", GOOD, {"label": 1}, GOOD)
    done = rung_command("form", schema, "--check", path)
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["valid", "failed", "valid"]
    assert done.code == 1
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    found = json.loads(rung_command("form", schema, "--check", packed, "--json").out)
    assert [row["status"] for row in found["results"]] == ["ok", "failed", "ok"]
    assert rung_command("form", schema, "--check", lines(path, GOOD, GOOD)).code == 0
    path.write_text('["two\u2028lines"]\r\n[]\n', "utf-8")
    assert rung_command("form", schema, "--check", path).out.count("failed") == 2


def filled(rung_command, schema: Path, *arguments: object) -> Any:  # type: ignore[no-untyped-def]
    done = rung_command("form", schema, "--fill", "x", "--engine", "fake:random", *arguments)
    assert "Traceback" not in done.err
    return done


def test_random_bytes_fill_a_form_with_valid_answers_or_none(rung_command, schema: Path):  # type: ignore[no-untyped-def]
    pytest.importorskip("llguidance")
    done = filled(rung_command, schema, "--n", "12", "--seed", "3", "--json")
    found = json.loads(done.out)
    assert len(found["results"]) == 12
    judge = jsonschema.Draft202012Validator(SCHEMA)
    for row in found["results"]:
        assert set(row) == FILLED_KEYS
        if row["status"] in ("ok", "repaired"):
            assert row["valid"] and judge.is_valid(row["output"])
            assert 0 < row["fields"]["label"]["p"] <= 1
            assert row["usage"]["output_tokens"] > 0
            assert row["effort"]["passes"] > 0
        else:
            assert (row["status"], row["valid"], row["output"]) == ("failed", False, None)
            assert row["reason"]
    assert done.code == any(row["status"] == "failed" for row in found["results"])
    assert len({json.dumps(row["output"]) for row in found["results"]}) > 6


def outputs(done: Any) -> list[Any]:
    return [row["output"] for row in json.loads(done.out)["results"]]


@pytest.mark.parametrize("extra", [[], ["--parallel"], ["--style", "indented"]])
def test_a_seed_gives_the_same_answers_again(rung_command, schema: Path, extra):  # type: ignore[no-untyped-def]
    pytest.importorskip("llguidance")
    first = outputs(filled(rung_command, schema, "--json", "--n", "3", "--seed", "5", *extra))
    again = outputs(filled(rung_command, schema, "--json", "--n", "3", "--seed", "5", *extra))
    later = outputs(filled(rung_command, schema, "--json", "--n", "3", "--seed", "6", *extra))
    assert first == again
    assert later[:2] == first[1:]  # the n-th answer has the n-th seed


def test_a_filled_form_is_printed_and_told_about(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    pytest.importorskip("llguidance")
    only = {"properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    done = filled(rung_command, written(tmp_path / "s.json", only))
    assert json.loads(done.out)["a"] in (True, False)
    assert done.err.startswith("ok: 1 tokens generated, ")
    assert done.code == 0


def test_an_answer_that_cannot_be_valid_fails_with_its_reason(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    pytest.importorskip("llguidance")
    never = {"properties": {"a": {"type": "boolean"}}, "required": ["a"], "not": {}}
    path = written(tmp_path / "s.json", never)
    done = filled(rung_command, path, "--json", "--retries", "1")
    (row,) = json.loads(done.out)["results"]
    assert (done.code, row["status"], row["valid"], row["output"]) == (1, "failed", False, None)
    assert row["reason"].startswith("$: ")
    assert filled(rung_command, path).code == 1


def test_a_stream_of_schemas_is_one_object_a_line(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    stream = lines(
        tmp_path / "schemas.jsonl",
        {"id": "good", "schema": SCHEMA},
        {"id": "none", "schema": {"properties": {"a": False}, "required": ["a"]}},
        {"schema": True},
        {"id": 7, "schema": {"type": "strnig"}},
    )
    done = rung_command("form", stream, "--json")
    assert done.code == 0  # that a schema has no form is an answer
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["id"] for row in rows] == ["good", "none", "3", "7"]
    assert [row["form"] is None for row in rows] == [False, True, False, True]
    assert all(set(row) == {"id", "form", "unsupported", "results"} for row in rows)
    assert rows[0]["unsupported"] == []
    (refused,) = rows[1]["unsupported"]
    assert (refused["path"], refused["keyword"]) == ("a", "false")
    assert "no value is allowed here" in refused["reason"]
    assert "strnig" in rows[3]["unsupported"][0]["reason"]
    plain = rung_command("form", stream).out.splitlines()
    assert [line.split(":")[0] for line in plain] == ["good", "none", "3", "7"]


def test_a_stream_may_be_checked_and_filled(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    pytest.importorskip("llguidance")
    stream = lines(
        tmp_path / "schemas.jsonl",
        *({"id": str(n), "schema": {"enum": [n, n + 1]}} for n in range(3)),
    )
    instances = lines(tmp_path / "in.jsonl", 1, 2)
    done = filled(rung_command, stream, "--check", instances, "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [[r["status"] for r in row["results"]] for row in rows] == [
        ["ok", "failed", "ok"],
        ["ok", "ok", "ok"],
        ["failed", "ok", "ok"],
    ]
    assert [row["results"][2]["output"] - int(row["id"]) in (0, 1) for row in rows] == [True] * 3


@pytest.mark.parametrize(
    ("schemas", "arguments", "code"),
    [
        ([{"enum": [1, 2]}, {"enum": [1, 3]}], ["--check"], 0),
        ([{"enum": [1, 2]}, {"enum": [2, 3]}], ["--check"], 1),
        ([{"enum": [2, 3]}, {"enum": [1, 2]}], ["--check"], 1),
        ([{"enum": [1, 2]}, {"enum": []}], ["--check"], 1),
        ([{"enum": [1, 2]}, {"enum": [3, 4]}], ["--fill", "x"], 0),
        ([{"enum": [1, 2]}, {"enum": [3, 4], "not": {}}], ["--fill", "x"], 1),
        ([{"enum": [1, 2]}, False], ["--fill", "x"], 1),
        ([{"enum": [1, 2]}, False], [], 0),
    ],
)
def test_a_stream_fails_where_one_of_its_results_does(  # type: ignore[no-untyped-def]
    rung_command, tmp_path: Path, schemas: Any, arguments: list[str], code: int
):
    pytest.importorskip("llguidance")
    rows = ({"id": str(n), "schema": schema} for n, schema in enumerate(schemas))
    stream = lines(tmp_path / "schemas.jsonl", *rows)
    if arguments == ["--check"]:
        arguments = ["--check", str(written(tmp_path / "in.json", 1))]
    done = rung_command("form", stream, *arguments, "--engine", "fake:random", "--json")
    assert done.code == code
    assert len(done.out.splitlines()) == len(schemas)


def test_a_schema_without_a_form_is_one_line_or_one_object(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    path = written(tmp_path / "s.json", {"properties": {"a": {"enum": []}}, "required": ["a"]})
    done = rung_command("form", path, "--json")
    found = json.loads(done.out)
    assert (done.code, found["form"], found["results"]) == (2, None, [])
    assert found["unsupported"][0]["keyword"] == "enum"
    plain = rung_command("form", path)
    assert (plain.code, plain.out) == (2, "")
    assert plain.err == "error: a: 'enum': no value satisfies the schema\n"


def test_instances_of_a_schema_without_a_form_are_still_judged(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    path = written(tmp_path / "s.json", {"enum": []})
    instance = written(tmp_path / "in.json", 1)
    found = json.loads(rung_command("form", path, "--check", instance, "--json").out)
    (row,) = found["results"]
    assert (row["status"], row["valid"]) == ("failed", False)
