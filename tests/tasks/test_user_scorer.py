import os

import pytest

from rung.core.errors import TaskError
from rung.tasks.task import Example
from rung.tasks.user_scorer import check_source, run_scorer

EXAMPLE = Example(id="e", input="hi", target={"x": 1}, group="e")


@pytest.fixture
def run(tmp_path):
    def run(source):
        path = tmp_path / "scorer.py"
        path.write_text(source)
        return run_scorer(path, EXAMPLE, {"x": 1})

    return run


def returning(text):
    return f"def score(example, output):\n    return {text}\n"


@pytest.mark.parametrize(
    "result, scored",
    [
        ("1", (1.0, True, {})),
        ("0.5", (0.5, False, {})),
        ("example.target == output", (1.0, True, {})),
        ("{'score': 0.5}", (0.5, False, {})),
        ("{'score': 1.0, 'strict': False, 'fields': {'a': 0}}", (1.0, False, {"a": 0.0})),
    ],
)
def test_results(run, result, scored):
    assert run(returning(result)) == scored


@pytest.mark.parametrize(
    "result, message",
    [
        ("2", "returned 2 "),
        ("None", "returned None"),
        ("float('nan')", "returned nan"),
        ("'0.5'", "returned '0.5'"),
        ("{}", "returned None"),
        ("{'scor': 1}", r"the key 'scor' \(did you mean 'score'\?\)"),
        ("{'score': 1, 'strict': 1}", "strict = 1, not a bool"),
        ("{'score': 1, 'fields': [1]}", r"fields = \[1\], not a dict"),
        ("{'score': 1, 'fields': {'a': -1}}", "returned -1"),
    ],
)
def test_bad_results_name_the_example(run, result, message):
    with pytest.raises(TaskError, match=message) as caught:
        run(returning(result))
    assert "example 'e'" in caught.value.message


@pytest.mark.parametrize(
    "source, message",
    [
        ("import gone_module\n", "line 1: loading the scorer raised ModuleNotFoundError"),
        ("def score(:\n", "line 1: loading the scorer raised SyntaxError"),
        ("\nraise SystemExit(3)\n", "line 2: loading the scorer raised SystemExit: 3"),
        ("x = 1\n", "no score"),
        ("def help():\n    1 / 0\ndef score(a, b):\n    help()\n", "line 2: scoring example"),
    ],
)
def test_failures_name_the_line(run, source, message):
    with pytest.raises(TaskError, match=message):
        run(source)


def test_an_edit_of_the_same_size_and_second_is_seen(run, tmp_path):
    assert run(returning("0.1"))[0] == 0.1
    stat = (tmp_path / "scorer.py").stat()
    (tmp_path / "scorer.py").write_text(returning("0.2"))
    os.utime(tmp_path / "scorer.py", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert run_scorer(tmp_path / "scorer.py", EXAMPLE, {})[0] == 0.2
    assert not (tmp_path / "__pycache__").exists()


def test_dataclasses_work_in_a_scorer(run):
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass A:\n    x: int\n" + returning("A(1).x")
    )
    assert run(source)[0] == 1.0


@pytest.mark.parametrize(
    "source, message",
    [
        ("def score(:\n", "scorer.py, line 1: "),
        ("def other(a, b): ...\n", "no score"),
        ("x = '\0'", "null byte"),
    ],
)
def test_check_source_runs_nothing(tmp_path, source, message):
    path = tmp_path / "scorer.py"
    path.write_text(source)
    with pytest.raises(TaskError, match=message):
        check_source(path)
    path.write_text("raise SystemExit\ndef score(a, b): ...\n")
    check_source(path)
