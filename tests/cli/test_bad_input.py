"""A user's mistake gets one clear line, a next step, exit code 2 and no traceback."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

Run = Callable[..., "object"]


def refused(done, *parts: str) -> None:  # type: ignore[no-untyped-def]
    assert done.code == 2, (done.code, done.err)
    assert "Traceback" not in done.err
    assert done.out == ""
    lines = done.err.strip().splitlines()
    told = [line for line in lines if not line.startswith("probe ")]
    assert told[0].startswith("error: ")
    assert len(told) <= 2
    for part in parts:
        assert part in done.err, done.err


@pytest.mark.parametrize(
    ("content", "arguments", "parts"),
    [
        ("text,label\na,x\nb,y\n", ["--input", "txt"], ["txt", "text"]),
        ("text,label\na,x\nb,y\n", ["--input", "text", "--target", "lbl"], ["lbl", "label"]),
        ("", ["--input", "text", "--target", "label"], ["empty"]),
        ("text,label\n", ["--input", "text", "--target", "label"], ["no rows"]),
        ("text,label\na,x\nb,x\nc,x\n", ["--input", "text", "--target", "label"], ["'x'"]),
    ],
    ids=["missing input", "missing target", "empty file", "header only", "one label"],
)
def test_init_refuses_unusable_files(rung_command, tmp_path: Path, content, arguments, parts):  # type: ignore[no-untyped-def]
    path = tmp_path / "data.csv"
    path.write_text(content, "utf-8")
    refused(rung_command("init", "thing", "--from", path, *arguments), *parts)


def test_init_refuses_a_missing_file_and_bad_names(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    refused(rung_command("init", "x", "--from", tmp_path / "no.csv"), "no.csv")
    path = tmp_path / "data.csv"
    path.write_text("text,label\na,x\nb,y\n", "utf-8")
    refused(rung_command("init", "../x", "--from", path), "../x")
    refused(rung_command("init", "x", "--from", tmp_path), "it is a folder")


def test_init_refuses_a_name_that_exists(rung_command, mail: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    refused(rung_command("init", mail, "--from", tmp_path / "mail.csv"), "exists", "another name")


def test_a_copied_task_is_not_the_task_that_it_was_copied_from(rung_command, mail: str, tmp_path):  # type: ignore[no-untyped-def]
    tasks = tmp_path / "rung" / "tasks"
    shutil.copytree(tasks / mail, tasks / "copy")
    for verb in ("show", "climb"):
        refused(rung_command(verb, "copy"), "copy/task.toml", "'mail'", 'name = "copy"')
    contract = tasks / "copy" / "task.toml"
    contract.write_text(contract.read_text("utf-8").replace('"mail"', '"copy"'), "utf-8")
    assert rung_command("show", "copy").out.startswith("copy: ")


def test_escape_codes_of_a_foreign_task_do_not_reach_the_terminal(
    rung_command, mail: str, tmp_path
):  # type: ignore[no-untyped-def]
    contract = tmp_path / "rung" / "tasks" / mail / "task.toml"
    said = re.sub(r'(?m)^(title|instruction) = "', r'\1 = "\\u001b[2J', contract.read_text("utf-8"))
    assert said.count("u001b") == 2
    contract.write_text(said, "utf-8")
    shown = rung_command("show", mail)
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert shown.out.count("\N{REPLACEMENT CHARACTER}[2J") == 2


def test_init_refuses_options_that_would_have_no_effect(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    done = rung_command("init", "desk", "--from", "helpdesk", "--instruction", "Sort.", "--resplit")
    refused(done, "--instruction, --resplit", "helpdesk", "task.toml")
    path = tmp_path / "data.csv"
    path.write_text("text,label\na,x\nb,y\n", "utf-8")
    refused(rung_command("init", "x", "--from", path, "--sizes", "1,1,1"), "--sizes", "helpdesk")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["cascade", "--audit-share", "5"], ["--audit-share", "'5'", "0 to 1"]),
        (["canary", "--frontier", "fake:w", "--margin", "nan"], ["--margin", "nan", "0 to 1"]),
        (["canary", "--frontier", "fake:w", "--max-failed", "-1"], ["--max-failed", "0 to 1"]),
        (["canary", "--frontier", "fake:w", "--stage", "4"], ["--stage", "4", "0 to 3"]),
        (["teacher", "--frontier", "smollm2-135n"], ["smollm2-135n", "smollm2-135m"]),
        (["--min-p", "0.3"], ["--min-p", "without a mode"]),
    ],
)
def test_a_mode_that_means_nothing_is_refused(rung_command, mail: str, arguments, parts):  # type: ignore[no-untyped-def]
    refused(rung_command("mode", mail, *arguments), *parts)


def test_extreme_numbers_and_empty_scopes_are_refused(rung_command, mail: str):  # type: ignore[no-untyped-def]
    for extreme in (["--seed", 2**64], ["--minutes", "1e308"]):
        done = rung_command("climb", mail, "--model", "fake:w", "--dry-run", *extreme)
        assert done.code == 2 and str(extreme[0]) in done.err
    refused(rung_command("keys", "create", "k", "--allow", ""), "--allow")


def test_unknown_task_lists_the_known_ones(rung_command, mail: str):  # type: ignore[no-untyped-def]
    for verb in (["climb", "mial"], ["show", "mial"], ["ask", "mial", "hi"], ["report", "mial"]):
        refused(rung_command(*verb), "mial", "helpdesk", "did you mean 'mail'?")
    refused(rung_command("show", "zzz"), "mail", "helpdesk", "rung init NAME")


@pytest.mark.parametrize(
    ("inner", "parts"),
    [
        ({"enum": []}, ["a.b", "enum"]),
        ({"type": "string", "minLength": 2, "maxLength": 1}, ["a.b", "minLength"]),
        ({"$ref": "#/$defs/nowhere"}, ["a", "b", "$ref", "#/$defs/nowhere", "nothing is fetched"]),
        ({"type": "strnig"}, ["$.properties.a.properties.b.type", "strnig"]),
    ],
)
def test_a_schema_without_a_form_names_keyword_and_path(rung_command, tmp_path, inner, parts):  # type: ignore[no-untyped-def]
    schema = {"type": "object", "properties": {"b": inner}, "required": ["b"]}
    path = tmp_path / "schema.json"
    path.write_text(json.dumps({"properties": {"a": schema}, "required": ["a"]}), "utf-8")
    refused(rung_command("form", path), *parts)


@pytest.mark.parametrize(
    ("name", "content", "arguments", "parts"),
    [
        ("s.json", None, [], ["s.json: No such file or directory", "JSON file"]),
        ("s.json", "{oops", [], ["s.json"]),
        ("s.json", "[1]", [], ["a schema is a JSON object"]),
        ("s.json", '"x"', [], ["a schema is a JSON object"]),
        ("s.json", b"\xff\xfe", [], ["s.json", "byte 0xff at 0 is not UTF-8 text"]),
        ("s.jsonl", "\n", [], ["s.jsonl", "it is empty"]),
        ("s.json.gz", b"no gzip", [], ["s.json.gz"]),
        ("s.json.gz", gzip.compress(b"{}", mtime=0)[:10] + bytes(12), [], ["s.json.gz"]),
        ("s.json", "[" * 100_000, [], ["s.json"]),
        ("s.jsonl", "[" * 100_000, [], ["s.jsonl", "line 1"]),
        ("s.jsonl", '{"id": "a", "schema": {}}\n{oops\n', [], ["s.jsonl", "line 2"]),
        ("s.jsonl", '{"id": "a"}\n', [], ["s.jsonl", "line 1", "schema"]),
        ("s.jsonl", "[1]\n", [], ["s.jsonl", "line 1", "schema"]),
        ("s.json", "{}", ["--check", "nowhere.json"], ["nowhere.json"]),
        ("s.json", "{}", ["--style", "xml"], ["xml", "json"]),
        ("s.json", "{}", ["--style", "lines"], ["one line"]),
        ("s.json", "{}", ["--fill", "x", "--engine", "fake:random:x"], ["fake:random:x"]),
        ("s.json", "{}", ["--fill", "x", "--engine", "smolm2"], ["smolm2", "smollm2-135m"]),
    ],
)
def test_form_refuses_what_it_cannot_read(rung_command, tmp_path, name, content, arguments, parts):  # type: ignore[no-untyped-def]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = rung_command("form", path, *arguments)
    first = done.out if name.endswith(".jsonl") else ""  # the rows before the bad line
    assert done.out == first
    refused(replace(done, out=""), *parts)


def test_unknown_model_engine_rung_route_and_split(rung_command, mail: str):  # type: ignore[no-untyped-def]
    refused(rung_command("climb", mail, "--model", "smolm2"), "smolm2", "smollm2-135m")
    refused(rung_command("climb", mail, "--model", "http:nowhere"), "nowhere", "engines.toml")
    refused(rung_command("climb", mail, "--rungs", "from", "--model", "fake:w"), "from", "form")
    refused(
        rung_command("run", mail, "--route", "nope", "--model", "fake:w"), "'nope'", "rung climb"
    )
    for split in ("holdout", "test"):
        refused(
            rung_command("run", mail, "--route", "head", "--split", split, "--model", "fake:w"),
            "holdout",
            "rung gate mail head",
        )


def test_offline_without_the_model_says_how_to_get_it(rung_command, mail: str, no_models: Path):  # type: ignore[no-untyped-def]
    pytest.importorskip("xllamacpp")
    refused(rung_command("climb", mail), "RUNG_OFFLINE", "smollm2-135m")


def test_a_corrupt_model_is_named(rung_command, mail: str, no_models: Path):  # type: ignore[no-untyped-def]
    pytest.importorskip("xllamacpp")
    (no_models / "smollm2-135m.gguf").write_bytes(b"not a model")
    refused(rung_command("climb", mail), "smollm2-135m.gguf", "--force")


def test_an_unreachable_server_is_named(rung_command, mail: str):  # type: ignore[no-untyped-def]
    refused(rung_command("climb", mail, "--model", "http:m@http://127.0.0.1:9/v1"), "127.0.0.1:9")


def test_an_edited_holdout_is_refused(rung_command, mail: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    path = tmp_path / "rung" / "tasks" / mail / "examples.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    next(row for row in rows if row["split"] == "holdout")["input"] += " edited"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    refused(rung_command("climb", mail, "--model", "fake:w"), "hash", "examples.jsonl")


def test_asking_before_anything_serves(rung_command, mail: str):  # type: ignore[no-untyped-def]
    refused(rung_command("ask", mail, "hello"), "no route", f"rung climb {mail}")
    refused(rung_command("rollback", mail), "no route")
    refused(rung_command("report", mail), "no finished climb")
    refused(rung_command("ask", mail), "--file")


def test_a_climb_that_cannot_be_read_is_named(rung_command, mail: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    path = tmp_path / "rung" / "runs" / f"climb-{mail}-0" / "climb.json"
    path.parent.mkdir(parents=True)
    for content in (b"", b"\xff", b"[]", b"{}", b'{"saving": null, "arms": 1}', b"[" * 100_000):
        path.write_bytes(content)
        refused(rung_command("report", mail), str(path), "climb again")


def test_a_key_has_a_name(rung_command):  # type: ignore[no-untyped-def]
    refused(rung_command("keys", "create", " "), "needs a name")


def test_comparing_files_that_do_not_match(rung_command, tmp_path: Path):  # type: ignore[no-untyped-def]
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    a.write_text('{"example": "1", "score": 1.0}\n', "utf-8")
    b.write_text('{"example": "2", "score": 1.0}\n', "utf-8")
    refused(rung_command("compare", a, b), "b.jsonl lacks", "'1'")
    refused(rung_command("compare", a, tmp_path / "no.jsonl"), "no.jsonl")
    b.write_text("{oops\n", "utf-8")
    refused(rung_command("compare", a, b), "b.jsonl", "line 1")
    refused(rung_command("compare", a, a, "--margin", "3"), "3")


def test_a_budget_below_the_estimate_is_refused(rung_command, mail: str, monkeypatch):  # type: ignore[no-untyped-def]
    from rung.engines.prices import price_of
    from rung.flow import session

    monkeypatch.setattr(session, "price_of_model", lambda model: price_of("frontier"))
    refused(
        rung_command("climb", mail, "--model", "fake:w", "--budget-usd", "0.0001"),
        "budget is $0.0001",
        "--limit",
    )


def test_a_wrong_answer_has_a_price(rung_command, mail: str):  # type: ignore[no-untyped-def]
    done = rung_command("route", mail, "fit", "--person-minutes", "5", "--error-usd", "0")
    refused(done, "a wrong answer costs $0", "--error-usd a price above 0")
