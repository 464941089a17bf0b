import json
import logging
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import GateError, TaskError
from rung.tasks.folder import load_task, save_task
from rung.tasks.holdout import read_holdout
from rung.tasks.task import Example, FieldScoring, Task


def rows(folder):
    return [json.loads(line) for line in (folder / "examples.jsonl").read_text().splitlines()]


def rewrite(folder, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "examples.jsonl").write_text(text)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_saved_is_loaded(folder, task, splits):
    loaded = load_task(folder)
    assert loaded == replace(
        task,
        train=tuple(splits["train"]),
        dev=tuple(splits["dev"]),
        num_holdout=3,
        split_hashes=loaded.split_hashes,
    )
    assert read_holdout(loaded) == tuple(splits["holdout"])
    assert sorted(files(folder)) == ["examples.jsonl", "form.json", "splits.lock.json", "task.toml"]


def test_an_edited_setup_of_a_holdout_row_is_refused(task, splits):
    splits = splits | {"holdout": [replace(e, setup={"open": 1}) for e in splits["holdout"]]}
    save_task(replace(task, world="world.py"), splits, task.path)
    assert load_task(task.path).world == "world.py"
    edited = rows(task.path)
    edited[-1]["setup"] = {"open": 2}
    rewrite(task.path, edited)
    with pytest.raises(GateError, match="was edited"):
        load_task(task.path)


def test_loading_changes_nothing(folder):
    before = files(folder)
    load_task(folder)
    assert files(folder) == before


def test_an_existing_task_is_never_overwritten(folder, task, splits):
    before = files(folder)
    with pytest.raises(TaskError, match="'desk'.*exists .take another name, or delete"):
        save_task(task, splits, folder)
    assert files(folder) == before


@pytest.mark.parametrize(
    "change, message",
    [
        ({"target": {"intent": "refnud"}}, r"row 'e6': target \$\.intent = 'refnud'"),
        ({"input": ""}, "the input is blank"),
        ({"input": "half \ud800"}, "half of a surrogate pair"),
        ({"id": "e0"}, "an id must be unique"),
        ({"group": "e0"}, "'e0' in train and 'e6' in dev are both of group 'e0'"),
    ],
)
def test_save_refuses_bad_examples(task, splits, change, message):
    bad = replace(splits["dev"][0], **change)
    with pytest.raises(TaskError, match=message):
        save_task(task, splits | {"dev": [bad]}, task.path)
    assert not task.path.exists()


def test_save_refuses_unwritable_text(task, splits):
    with pytest.raises(TaskError, match="saving task 'desk': .* half of a surrogate pair"):
        save_task(replace(task, title="\ud800"), splits, task.path)


def test_a_failed_write_leaves_nothing(task, splits, tmp_path, monkeypatch):
    def fail(rows):
        yield "{}"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rung.tasks.folder.format_rows", fail)
    with pytest.raises(TaskError, match="writing .*desk: No space left on device"):
        save_task(task, splits, task.path)
    assert list(tmp_path.iterdir()) == []


def test_save_refuses_an_empty_split(task, splits):
    with pytest.raises(TaskError, match="holdout has no examples"):
        save_task(task, splits | {"holdout": []}, task.path)


def test_missing_folder_and_files(folder):
    with pytest.raises(TaskError, match="no folder"):
        load_task(folder / "none")
    (folder / "form.json").unlink()
    with pytest.raises(TaskError, match="form.json: no such file"):
        load_task(folder)


def test_first_load_splits_and_locks(folder):
    (folder / "splits.lock.json").unlink()
    unsplit = [{k: v for k, v in row.items() if k != "split"} for row in rows(folder)]
    rewrite(folder, unsplit)
    first = load_task(folder)
    assert [row["id"] for row in rows(folder)] == [row["id"] for row in unsplit]
    assert {row["split"] for row in rows(folder)} == {"train", "dev", "holdout"}
    assert load_task(folder) == first
    assert len(first.train) + len(first.dev) + first.num_holdout == 12


def test_first_load_wants_all_splits_or_none(folder):
    (folder / "splits.lock.json").unlink()
    first, *rest = rows(folder)
    rewrite(folder, [first | {"split": None}, *rest])
    with pytest.raises(TaskError, match="row 'e0' has no split, others have one"):
        load_task(folder)


def test_first_load_refuses_given_splits_that_leak(folder):
    (folder / "splits.lock.json").unlink()
    first, *rest = rows(folder)
    rewrite(folder, [first | {"input": rest[-1]["input"].upper()}, *rest])
    with pytest.raises(TaskError, match="'e0' in train and 'e11' in holdout say the same"):
        load_task(folder)
    assert not (folder / "splits.lock.json").exists()


HOLDOUT_EDITS = {
    "target": lambda row: row | {"target": {"intent": "other"}},
    "input": lambda row: row | {"input": row["input"] + "!"},
    "group": lambda row: row | {"group": "x"},
    "split": lambda row: row | {"split": "train"},
}


@pytest.mark.parametrize("edit", HOLDOUT_EDITS)
def test_an_edited_holdout_is_refused(folder, edit):
    task = load_task(folder)
    before = rows(folder)
    rewrite(folder, [*before[:-3], HOLDOUT_EDITS[edit](before[-3]), *before[-2:]])
    message = r"examples.jsonl was edited: its hash is \w{12}…, splits.lock.json says"
    for attempt in (lambda: read_holdout(task), lambda: load_task(folder)):
        with pytest.raises(GateError, match=message) as caught:
            attempt()
        assert "rung init" in caught.value.hint
    rewrite(folder, before)
    assert len(read_holdout(load_task(folder))) == 3


def test_a_train_row_moved_into_the_holdout_is_refused(folder):
    first, *rest = rows(folder)
    rewrite(folder, [first | {"split": "holdout"}, *rest])
    with pytest.raises(GateError):
        load_task(folder)


def test_row_order_and_line_ends_do_not_matter(folder):
    before = load_task(folder)
    text = "\r\n".join(json.dumps(row) for row in reversed(rows(folder)))
    (folder / "examples.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    after = load_task(folder)
    assert after.split_hashes == before.split_hashes
    assert len(read_holdout(after)) == 3


def test_edited_train_is_locked_anew(folder, caplog):
    before = load_task(folder)
    first, *rest = rows(folder)
    new = {"id": "new", "input": "entirely fresh wording", "target": {"intent": "card"}}
    rewrite(folder, [first | {"target": {"intent": "other"}}, *rest, new])
    with caplog.at_level(logging.WARNING, "rung"):
        after = load_task(folder)
    assert "locked anew" in caplog.text
    assert [e.id for e in after.train][-1] == "new"
    assert rows(folder)[-1]["split"] == "train"
    assert after.split_hashes["train"] != before.split_hashes["train"]
    assert after.split_hashes["holdout"] == before.split_hashes["holdout"]
    assert load_task(folder) == after


@pytest.mark.parametrize("key, message", [("input", "say the same"), ("group", "both of group")])
def test_train_may_not_come_to_share_anything_with_the_holdout(folder, key, message):
    first, *rest = rows(folder)
    lock = (folder / "splits.lock.json").read_bytes()
    rewrite(folder, [first | {key: rest[-1][key]}, *rest])
    with pytest.raises(TaskError, match=message):
        load_task(folder)
    assert (folder / "splits.lock.json").read_bytes() == lock


@pytest.mark.parametrize(
    "text, message",
    [
        ("[]", "not a lock file"),
        ('{"splits": {}}', "not a lock file"),
        ("{", "not JSON"),
    ],
)
def test_damaged_locks(folder, text, message):
    (folder / "splits.lock.json").write_text(text)
    with pytest.raises(TaskError, match=message):
        load_task(folder)


def test_a_lock_of_another_algorithm(folder):
    path = folder / "splits.lock.json"
    path.write_text(path.read_text().replace("rung-splits-1", "rung-splits-9"))
    with pytest.raises(TaskError, match="algorithm 'rung-splits-9'"):
        load_task(folder)


def test_a_broken_own_scorer_is_found_when_loading(folder):
    (folder / "scorer.py").write_text("def score(\n")
    with pytest.raises(TaskError, match="scorer.py, line 1"):
        load_task(folder)


def test_own_scorer_frees_the_fields_from_scoring(folder):
    toml = folder / "task.toml"
    toml.write_text(toml.read_text().replace('"exact"', '"ignore"'))
    with pytest.raises(TaskError, match="no field has a weight"):
        load_task(folder)
    (folder / "scorer.py").write_text("def score(example, output):\n    return 1.0\n")
    assert load_task(folder).scoring["intent"].scorer == "ignore"


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
contents = st.lists(
    st.tuples(texts, texts, st.sampled_from(["refund", "card"])),
    min_size=3,
    max_size=8,
    unique_by=lambda row: row[0],
)


@settings(max_examples=15)
@given(contents, texts)
def test_folders_round_trip(tmp_path_factory, contents, title):
    path = tmp_path_factory.mktemp("tasks") / "desk"
    examples = [
        Example(id=id_, input=text, target={"intent": intent}, group=id_)
        for id_, text, intent in contents
    ]
    splits = {"train": examples[2:], "dev": examples[:1], "holdout": examples[1:2]}
    schema = {"type": "object", "properties": {"intent": {"enum": ["refund", "card"]}}}
    task = Task(
        name="desk",
        title=title,
        instruction=title,
        schema=schema,
        scoring={"intent": FieldScoring()},
        path=path,
    )
    save_task(task, splits, path)
    loaded = load_task(path)
    assert (loaded.title, loaded.schema, dict(loaded.scoring)) == (title, schema, task.scoring)
    assert (loaded.train, loaded.dev) == (tuple(splits["train"]), tuple(splits["dev"]))
    assert read_holdout(loaded) == tuple(splits["holdout"])
