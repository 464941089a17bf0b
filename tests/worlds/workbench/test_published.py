"""Tasks are made from a data set in a folder; recorded runs are imported and scored."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from rung.cli import main
from rung.core.errors import ConfigError, GateError, TaskError
from rung.flow.climb import Options, climb
from rung.flow.decide import gate
from rung.flow.run import run_route
from rung.flow.session import open_session
from rung.gate.receipt import verify_receipt
from rung.gate.touching import touching, touching_another
from rung.registry import record_candidates
from rung.routes.route import Route
from rung.tasks.folder import load_task
from rung.tasks.holdout import read_holdout
from rung.tasks.task import Task
from rung.worlds.catalog import BUNDLED, bundled_from, make_bundled
from rung.worlds.workbench import generate, generate_by_template, is_data_set, recorded
from rung.worlds.workbench.published import data_folder, read_examples, read_recorded
from rung.worlds.workbench.questions import question_of
from rung.worlds.workbench.world import WorkBench


@pytest.fixture
def task(data_set: Path) -> Task:
    return make_bundled("workbench", "office", data=data_set)


def test_examples_are_numbered_by_file_and_grouped_by_template(data_set: Path) -> None:
    examples = read_examples(data_folder(data_set))
    assert [example.id for example in examples] == [f"email-{n:03d}" for n in range(10)]
    assert {example.group for example in examples} == {"email-t00"}
    assert examples[0].target == {
        "calls": [{"tool": "email.delete_email", "arguments": {"email_id": "00000011"}}]
    }
    assert examples[0].setup["domains"] == ["email"]


def test_recorded_runs_are_named_by_model_and_tools(data_set: Path) -> None:
    data = data_folder(data_set)
    runs = read_recorded(data, read_examples(data))
    assert list(runs) == ["best", "best-all"]
    assert runs["best"][1].error == "ran out of time"
    assert runs["best-all"][0].unread == ("email.delete_email.func(1)",)
    assert runs["best"][0].source == "email/best_domains_2024-01-02_03-04-05.csv"


def test_queries_are_split_within_templates(task: Task) -> None:
    assert (len(task.train), len(task.dev), task.num_holdout) == (4, 2, 4)
    assert Counter(example.group for example in task.train) == {"train/email-t00": 4}


def test_queries_that_ask_the_same_in_other_words_stay_together(task: Task) -> None:
    sealed = {question_of(example) for example in (*task.dev, *read_holdout(task))}
    trained = {question_of(example) for example in task.train}
    assert (len(trained), len(sealed)) == (2, 3)
    assert not trained & sealed
    (first, *_), (other, *_) = task.train, task.dev
    reworded = replace(
        first,
        id="new",
        input=f"Bin {other.input.split()[-1].upper()}'s last email",
        setup={**first.setup, "chosen_template": "Bin {name}'s last email"},
    )
    assert touching(task, [reworded, first]) == {"new": "dev"}
    assert touching(task, [replace(first, id="bare", input="Something else", setup={})]) == {}
    alike = replace(first, id=other.id, group=other.group)
    assert touching(task, [alike]) == {other.id: "dev"}
    assert touching_another(task, [reworded, alike]) == {"new": "dev"}


def test_the_split_depends_on_the_seed_alone(data_set: Path) -> None:
    first, again, other = (generate(data=data_set, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_whole_templates_can_be_held_out(data_set: Path) -> None:
    splits = generate_by_template(data=data_set)
    assert [len(splits[split]) for split in ("train", "dev", "holdout")] in ([10, 0, 0], [0, 10, 0])


def test_the_folder_is_self_contained(task: Task, data_set: Path) -> None:
    for path in sorted(data_set.rglob("*.csv")):
        path.unlink()
    again = load_task(task.path)
    assert again.world == "workbench"
    world = WorkBench.open(again.path / "world")
    for example in (*again.train, *again.dev):
        assert world.score(example, world.oracle(example)).strict


def test_a_data_set_is_recognised(data_set: Path, tmp_path: Path) -> None:
    assert is_data_set(data_set)
    assert is_data_set(data_set / "data")
    assert not is_data_set(tmp_path)
    assert bundled_from(data_set, "mine") == "workbench"
    assert bundled_from(data_set, "workbench-templates") == "workbench-templates"
    assert bundled_from(tmp_path, "workbench") is None
    assert bundled_from(tmp_path / "train.csv", "workbench") is None


def test_without_the_data_set_the_error_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaskError, match="rung init workbench --from FOLDER"):
        make_bundled("workbench", "workbench")


def test_sizes_cannot_be_chosen(data_set: Path) -> None:
    with pytest.raises(ConfigError, match="num_train cannot be chosen"):
        make_bundled("workbench", "office", data=data_set, num_train=3)


def test_a_task_that_could_not_be_furnished_is_not_there(
    data_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_set / "data" / "raw" / "email_addresses.csv").unlink()
    with pytest.raises(TaskError, match="email_addresses.csv: No such file"):
        make_bundled("workbench", "office", data=data_set)
    assert list((data_set.parent / "rung" / "tasks").glob("*")) == []


def test_a_recorded_run_is_scored_on_all_examples(task: Task) -> None:
    arm, path = run_route(task, "recorded:best")
    assert (arm.split, arm.kind, arm.num_examples, arm.num_groups) == ("all", "reference", 10, 1)
    assert arm.strict == 0.9
    assert arm.num_failed == 1
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    failed = next(row for row in rows if row["status"] == "failed")
    assert (failed["score"], failed["error"]) == (0.0, "ran out of time")
    assert failed["cause"] == "truncated"
    assert failed["fields"] == {"action_level": 1.0, "exact": 0.0, "side_effects": 0.0}
    assert {row["group"].split("/")[0] for row in rows} == {"train", "dev", "holdout"}


def test_calls_that_cannot_be_read_are_skipped(task: Task) -> None:
    arm, _ = run_route(task, "recorded:BEST-all")
    assert sum(row.strict for row in arm.rows) == 2  # the two that ask for this
    assert sum(row.fields["side_effects"] for row in arm.rows) == 8


def test_a_recorded_run_can_be_scored_on_dev_alone(task: Task) -> None:
    arm, _ = run_route(task, "recorded:best", split="dev")
    assert (arm.split, arm.num_examples) == ("dev", 2)
    with pytest.raises(GateError, match="holdout alone"):
        run_route(task, "recorded:best", split="holdout")
    with pytest.raises(ConfigError, match="unknown split 'test'"):
        run_route(task, "recorded:best", split="test")


def test_a_recorded_run_is_an_incumbent_of_unknown_cost(task: Task) -> None:
    idle = Route(
        name="idle", rung="form", output="constant", constant='{"calls": [], "answer": ""}'
    )
    with open_session(task) as session:
        record_candidates(session.store, task.name, [idle])
    judged = gate(task, "idle", reference="recorded:best-all")
    assert [(arm.route, arm.kind) for arm in judged.arms] == [
        ("recorded:best-all", "reference"),
        ("idle", "rung"),
    ]
    assert "what the incumbent cost is not known" in judged.report.reason
    assert verify_receipt(judged.receipt_path) == []


def test_a_climb_names_the_recorded_runs_there_are(task: Task) -> None:
    with pytest.raises(ConfigError, match="did you mean 'best'"):
        climb(task, Options(models=("fake:office",), reference="recorded:bets"))


def test_an_unknown_run_is_named(task: Task) -> None:
    with pytest.raises(ConfigError, match="did you mean 'best'"):
        run_route(task, "recorded:bets")
    assert recorded.names(task.path) == ["best", "best-all"]


def test_a_run_that_lacks_queries_is_refused(data_set: Path) -> None:
    path = next((data_set / "data" / "results" / "email").glob("best_all*"))
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:5]), "utf-8")
    with pytest.raises(TaskError, match="'best-all' lacks 6 queries"):
        make_bundled("workbench", "office", data=data_set)


def test_on_the_command_line(
    data_set: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rung(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["rung", *map(str, arguments)])
        with suppress(SystemExit):
            main()
        return capsys.readouterr().out

    made = json.loads(rung("init", "office", "--from", data_set, "--json"))
    assert made["splits"] == {"train": 4, "dev": 2, "holdout": 4}
    found = json.loads(rung("run", "office", "--route", "recorded:best", "--json"))
    assert (found["strict"], found["split"], found["cost_usd"]) == (0.9, "all", None)
    assert found["fields"]["exact"] == 0.9
    assert "side_effects 0.000" in rung("run", "office", "--route", "recorded:best")


def test_both_tasks_are_bundled() -> None:
    assert {"workbench", "workbench-templates"} <= set(BUNDLED)


def test_a_query_that_dev_has_is_of_dev_whatever_its_group(task: Task) -> None:
    """Groups of WorkBench lie within a split, so they alone would not give a copy away."""
    copy = replace(task.train[0], id="new", input=f" {task.dev[0].input.upper()}")
    assert touching(task, [copy, task.train[1]]) == {"new": "dev"}
