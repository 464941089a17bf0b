"""One adapter for several tasks: each has an equal share of the texts, and finds it as its own."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("peft", reason="pip install 'rung[train]'")
pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
import tiny_gguf
import toys
from rung.core.config import home
from rung.core.errors import ConfigError, GateError, StoreError
from rung.core.files import hold_alone
from rung.engines.adapters import read_adapter
from rung.flow.lessons import Lesson, Texts, check_mixture, kept_apart, lesson_of, mix
from rung.flow.train import TrainRun, train
from rung.gate.touching import touching
from rung.store import Artifacts
from rung.tasks.folder import load_task
from rung.tasks.task import FieldScoring, Task
from rung.train.plan import TrainOptions, TrainPlan
from rung.train.texts import Text
from rung.train.trained import find_trained
from rung.worlds.catalog import load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return toys.write_task(tmp_path / "toy")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_gguf.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf"))


def part(task: Task, name: str, num: int) -> tuple[Lesson, Texts]:
    texts = tuple(Text(example=f"e{i}", tokens=(1, 2), trained=(False, True)) for i in range(num))
    lesson = Lesson(task=replace(task, name=name), examples=(), dev=(), left_out={}, report={})
    return lesson, Texts(train=texts, dev=texts[:1], left_out={"too long": num})


def test_each_task_has_as_many_texts_and_those_of_the_smaller_come_again(task: Task) -> None:
    mixed = mix([part(task, "a", 5), part(task, "b", 2)])
    names = [text.example for text in mixed.train]
    assert names[:5] == ["a: e0", "a: e1", "a: e2", "a: e3", "a: e4"]
    assert names[5:] == ["b: e0", "b: e1", "b: e0", "b: e1", "b: e0"]
    assert [text.example for text in mixed.dev] == ["a: e0", "b: e0"]
    assert mixed.left_out == {"too long": 7}
    alone = part(task, "a", 5)
    assert mix([alone]) == alone[1]


def test_tasks_that_cannot_be_trained_along_are_named(task: Task) -> None:
    mail, post = replace(task, name="mail"), replace(task, name="post")
    check_mixture(task, [mail, post], "sft")
    with pytest.raises(ConfigError, match="--method grpo draws answers to one task.*mail"):
        check_mixture(task, [mail], "grpo")
    for others in ([task], [mail, mail]):
        with pytest.raises(ConfigError, match="is named twice"):
            check_mixture(task, others, "sft")


def dealt_anew(task: Task, folder: Path, train: range, holdout: range) -> Task:
    """Write a task of the same examples, under other ids and in other splits; the rest is dev."""
    shutil.copytree(task.path, folder)
    (folder / "splits.lock.json").unlink()
    contract = (folder / "task.toml").read_text("utf-8")
    (folder / "task.toml").write_text(contract.replace(task.name, folder.name), "utf-8")
    rows = []
    for at, line in enumerate((folder / "examples.jsonl").read_text("utf-8").splitlines()):
        split = "train" if at in train else "holdout" if at in holdout else "dev"
        rows.append(json.loads(line) | {"id": f"new{at}", "group": f"new{at}", "split": split})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "examples.jsonl").write_text(lines, "utf-8")
    return load_task(folder)


def test_what_one_task_seals_the_other_is_not_trained_on(task: Task, tmp_path: Path) -> None:
    """Of 60 examples the first 30 are the one's train, the next 18 its dev."""
    other = dealt_anew(task, tmp_path / "other", range(8, 50), range(50, 60))
    own, its = kept_apart([lesson_of(one, TrainOptions()) for one in (task, other)])
    assert {one.id for one in own.examples} == {f"e{i}" for i in range(8, 30)}
    assert {one.id for one in its.examples} == {f"new{i}" for i in range(8, 30)}
    assert own.left_out == {"in dev of 'other'": 8}
    assert its.left_out == {"in dev of 'toy'": 18, "in holdout of 'toy'": 2}
    swapped = dealt_anew(task, tmp_path / "swapped", range(36), range(36, 48))
    lessons = [lesson_of(one, TrainOptions()) for one in (task, swapped)]
    judging = [{one.id for one in lesson.dev} for lesson in kept_apart(lessons)]
    assert judging == [{f"e{i}" for i in range(30, 36)} & {one.id for one in lessons[0].dev}, set()]
    unlike = dealt_anew(task, tmp_path / "unlike", range(24, 60), range(12))
    with pytest.raises(GateError, match="'toy' would leak .* of task 'unlike'.* 6 of 30"):
        kept_apart([lesson_of(one, TrainOptions()) for one in (task, unlike)])


def test_more_examples_are_made_of_what_train_has(task: Task) -> None:
    desk = load("helpdesk")
    options = TrainOptions(variants=1, curate=False)
    lesson = lesson_of(desk, options)
    made = [one for one in lesson.examples if one.id.startswith("variant-")]
    assert len(lesson.examples) == len(desk.train) + len(made)
    assert 20 < len(made) <= 2 * len(desk.train)
    assert not touching(desk, made)
    assert (
        lesson_of(desk, replace(options, variants=0)).examples == lesson.examples[: len(desk.train)]
    )
    few = lesson_of(desk, replace(options, limit=10)).examples
    assert 10 < len(few) <= 30
    with pytest.raises(ConfigError, match="has no generator, so --variants 3"):
        lesson_of(task, replace(options, variants=3))
    with pytest.raises(ConfigError, match="is trained on instead"):
        lesson_of(desk, replace(options, data=Path("b.jsonl")))


def test_one_adapter_is_trained_for_two_tasks(
    task: Task, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_THREADS", "1")
    other = toys.write_task(tmp_path / "game", num_train=24, num_other_words=2)
    options = TrainOptions(model=model, epochs=1, limit=22, also=(str(other.path),))
    done = train(task, options)
    assert isinstance(done, TrainRun)
    assert (done.plan.num_examples, done.plan.num_texts, done.plan.num_dev_texts) == (44, 44, 32)
    shared = find_trained("game", model)
    assert shared is not None
    assert shared.adapter == done.trained.adapter
    assert shared.train_hash == other.split_hashes["train"] != done.trained.train_hash
    lineage = read_adapter(shared.adapter, Artifacts()).lineage
    assert lineage["data"]["train of game"] == other.split_hashes["train"]
    assert json.loads(Path(done.run_dir, "curation-game.json").read_text("utf-8"))
    drawn = json.dumps({"key": "k", "attempts": [], "seconds": 600.0})
    Path(done.run_dir, "attempts.jsonl").write_text(drawn, "utf-8")
    again = train(task, options)
    assert isinstance(again, TrainRun)
    assert again.trained.minutes == pytest.approx(done.trained.minutes + 10.0)


@pytest.mark.slow
def test_training_that_makes_it_worse_keeps_the_start(
    task: Task, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_THREADS", "1")
    options = TrainOptions(model=model, epochs=1, limit=22)
    judged = itertools.count(1.0)
    monkeypatch.setattr("rung.train.sft.dev_loss", lambda model, texts: next(judged))
    first = train(task, options)
    assert isinstance(first, TrainRun) and not first.keeps_start
    start = first.trained.adapter
    worse = train(task, replace(options, start=start))
    assert isinstance(worse, TrainRun) and worse.keeps_start
    assert worse.trained.metrics["dev"] == worse.trained.metrics["dev_start"]
    before, after = (read_adapter(one, Artifacts()) for one in (start, worse.trained.adapter))
    assert after.weights == before.weights
    with Path(first.run_dir, "lock").open("ab") as file:
        hold_alone(file)
        with pytest.raises(StoreError, match=f"at work in {first.run_dir}"):
            train(task, options)
        assert isinstance(train(task, options, dry_run=True), TrainPlan)


@pytest.mark.slow
def test_what_judges_otherwise_makes_another_run(
    task: Task, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_THREADS", "1")
    other = toys.write_task(tmp_path / "game", num_train=24, num_other_words=2)
    options = TrainOptions(model=model, limit=22, also=(str(other.path),))
    strict = "def score(example, output): return float(output == example.target)\n"
    scoring = {"category": FieldScoring(weight=2.0)}

    def num_runs(judged: Task) -> int:
        train(judged, options, dry_run=True)
        return len(list((home() / "runs").glob("train-toy-*")))

    assert num_runs(task) == num_runs(task) == 1
    (task.path / "scorer.py").write_text(strict, "utf-8")
    assert num_runs(task) == 2
    (other.path / "scorer.py").write_text(strict, "utf-8")
    assert num_runs(task) == 3
    assert num_runs(replace(task, scoring=scoring)) == 4
