import csv
import json
from enum import StrEnum

import pytest
from pydantic import BaseModel

from rung.core.errors import TaskError
from rung.tasks.alike import look_alikes
from rung.tasks.folder import load_task
from rung.tasks.holdout import read_holdout
from rung.tasks.importer import init_task
from rung.tasks.splits import check_leaks

ADJECTIVES = ["amber", "bitter", "cold", "dusty", "eager", "faint", "grey", "hollow", "icy", "joy"]
NOUNS = ["kettle", "lantern", "mirror", "needle", "orchard", "pencil", "quay", "rug", "saw", "tin"]


def texts(num):
    pairs = [f"{a} {n} near the {n[::-1]} {a[::-1]}" for a in ADJECTIVES for n in NOUNS]
    return pairs[:num]


@pytest.fixture
def write(tmp_path):
    def write(rows, header=("text", "label"), name="data.csv"):
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write


@pytest.fixture
def write_lines(tmp_path):
    def write(rows, name="data.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def init(tmp_path):
    def init(source, name="desk", **options):
        return init_task(name, source, dest=tmp_path / "tasks", **options)

    return init


def labelled(num=60):
    return [(text, "ab"[at % 2]) for at, text in enumerate(texts(num))]


def all_examples(task):
    return [*task.train, *task.dev, *read_holdout(task)]


def test_a_label_file_becomes_a_task(init, write, tmp_path):
    report = init(write(labelled()))
    task = report.task
    assert task == load_task(tmp_path / "tasks" / "desk")
    assert task.schema["properties"] == {"label": {"type": "string", "enum": ["a", "b"]}}
    assert task.instruction == "Read the text and decide its label."
    assert dict(report.num_per_split) == {"train": 27, "dev": 9, "holdout": 24}
    assert (report.num_rows, report.num_examples, report.num_components) == (60, 60, 60)
    assert (report.num_blank, report.num_merged, report.num_quarantined) == (0, 0, 0)
    assert report.schema_inferred
    assert report.notes == (
        "the holdout has 24 examples; a margin of 3 points usually needs 300 or more",
    )
    assert {e.input: e.target["label"] for e in all_examples(task)} == dict(labelled())
    assert json.loads(json.dumps(report.to_json()))["num_examples"] == 60


def test_tasks_live_in_the_home_folder(write, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "home"))
    assert init_task("desk", write(labelled())).task.path == tmp_path / "home/tasks/desk"


def test_the_seed_decides_and_ids_do_not_depend_on_it(init, write):
    source = write(labelled())
    one, again, other = (
        init(source, name, seed=seed).task for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one.split_hashes == again.split_hashes
    assert one.split_hashes != other.split_hashes
    assert {e.id for e in all_examples(one)} == {e.id for e in all_examples(other)}


def test_repeats_are_merged_and_conflicts_quarantined(init, write, tmp_path):
    rows = labelled()
    rows += [rows[0], (f" {rows[1][0]} ", "b"), (rows[2][0], "b"), ("", "a"), ("x y z", " ")]
    report = init(write(rows))
    assert (report.num_rows, report.num_blank, report.num_merged) == (65, 2, 2)
    assert (report.num_conflicts, report.num_quarantined, report.num_examples) == (1, 2, 59)
    assert report.conflicts[0].input == rows[2][0]
    assert report.conflicts[0].targets == ({"label": "a"}, {"label": "b"})
    assert rows[2][0] not in {e.input for e in all_examples(report.task)}
    quarantined = (tmp_path / "tasks/desk/quarantine.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in quarantined] == [4, 64]


def test_two_wordings_of_free_text_are_no_conflict(init, write_lines):
    rows = [{"input": t, "target": {"l": "ab"[i % 2], "r": t}} for i, t in enumerate(texts(40))]
    report = init(write_lines([*rows, rows[0] | {"target": {"l": "a", "r": "other words"}}]))
    assert (report.num_merged, report.num_conflicts) == (1, 0)


def test_near_duplicates_share_a_split_and_a_group(init, write):
    rows = labelled(40)
    rows += [(f"{text}!", label) for text, label in rows]
    task = init(write(rows)).task
    groups = {}
    for example in all_examples(task):
        groups.setdefault(example.group, set()).add(example.input.rstrip("!"))
    assert len(groups) == 40
    assert all(len(inputs) == 1 for inputs in groups.values())
    check_leaks({"train": task.train, "dev": task.dev, "holdout": read_holdout(task)})


def test_own_groups_are_kept_whole(init, write):
    rows = [(*row, f"customer {at // 5}") for at, row in enumerate(labelled())]
    report = init(write(rows, ("text", "label", "who")), group_column="who")
    assert (report.num_components, report.largest_component) == (12, 5)
    splits = [report.task.train, report.task.dev, read_holdout(report.task)]
    groups = [{example.group for example in split} for split in splits]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 12
    assert "customer 3" in set.union(*groups)


def test_given_splits_are_honoured(init, write):
    names = ["train"] * 40 + ["validation"] * 8 + ["Test"] * 12
    rows = [(*row, name) for row, name in zip(labelled(), names, strict=True)]
    report = init(write(rows, ("text", "label", "Split")))
    assert dict(report.num_per_split) == {"train": 40, "dev": 8, "holdout": 12}
    again = init(write(rows, ("text", "label", "split")), "again", resplit=True)
    assert dict(again.num_per_split) == {"train": 27, "dev": 9, "holdout": 24}


@pytest.mark.parametrize(
    "extra, message",
    [
        (lambda text: (text, "a", "holdout"), "the same input in different splits"),
        (lambda text: (f"{text}!", "a", "holdout"), "in train and '.*' in holdout say the same"),
        (lambda text: ("new words here", "a", "tset"), "unknown split 'tset'"),
        (lambda text: ("new words here", "a", ""), "unknown split ''"),
    ],
)
def test_given_splits_are_checked(init, write, extra, message):
    names = ["train"] * 40 + ["dev"] * 8 + ["holdout"] * 12
    rows = [(*row, name) for row, name in zip(labelled(), names, strict=True)]
    with pytest.raises(TaskError, match=message) as caught:
        init(write([*rows, extra(rows[0][0])], ("text", "label", "split")))
    assert "--resplit" in caught.value.hint


def test_several_target_columns(init, write):
    rows = [(t, "ab"[i % 2], f"{i}.5", "" if i % 3 else "x y") for i, t in enumerate(texts(30))]
    source = write(rows, ("text", "kind", "amount", "note"))
    task = init(source, target_columns=["kind", "amount", "note"]).task
    kinds = {name: node.get("type") for name, node in task.schema["properties"].items()}
    assert kinds == {"kind": "string", "amount": "number", "note": "string"}
    assert task.schema["required"] == ["kind", "amount"]
    assert [rule.scorer for rule in task.scoring.values()][:2] == ["exact", "number"]
    assert task.instruction == "Read the text and fill in: kind, amount, note."


@pytest.mark.parametrize("encode", [json.dumps, lambda value: value])
def test_json_object_targets(init, write_lines, encode):
    rows = [
        {"prompt": t, "completion": encode({"kind": "ab"[i % 2], "n": i})}
        for i, t in enumerate(texts(30))
    ]
    task = init(write_lines(rows)).task
    assert list(task.schema["properties"]) == ["kind", "n"]
    assert {e.input: e.target["n"] for e in all_examples(task)}[texts(30)[7]] == 7


def test_json_text_that_spells_a_number_stays_text(init, write, write_lines):
    rows = [
        {"input": t, "target": {"id": str(10_000 + i), "lines": [{"sku": str(i)}], "tags": ["1"]}}
        for i, t in enumerate(texts(30))
    ]
    task = init(write_lines(rows)).task
    assert {e.input: e.target for e in all_examples(task)} == {
        row["input"]: row["target"] for row in rows
    }
    cells = [(row["input"], json.dumps(row["target"])) for row in rows]
    assert init(write(cells, ("text", "target")), "cells").task.schema == task.schema
    flat = [{"text": t, "label": "12"[i % 2]} for i, t in enumerate(texts(30))]
    labels = init(write_lines(flat), "flat").task.schema["properties"]["label"]
    assert labels == {"type": "string", "enum": ["1", "2"]}


def test_one_target_that_is_no_object_among_objects(init, write_lines):
    rows = [{"input": t, "target": {"kind": "ab"[i % 2]}} for i, t in enumerate(texts(4))]
    with pytest.raises(TaskError, match="line 5: 'a' is no JSON object, other targets are"):
        init(write_lines([*rows, {"input": "x", "target": '"a"'}]))
    assert init(write_lines([*rows, {"input": "x", "target": None}])).num_blank == 1


def test_fine_tuning_files(init, write_lines):
    rows = [
        {
            "messages": [
                {"role": "system", "content": "Say a or b."},
                {"role": "user", "content": text},
                {"role": "assistant", "content": label},
            ]
        }
        for text, label in labelled(30)
    ]
    task = init(write_lines(rows)).task
    assert task.instruction == "Say a or b."
    assert task.schema["properties"] == {"answer": {"type": "string", "enum": ["a", "b"]}}
    assert {e.input: e.target["answer"] for e in all_examples(task)} == dict(labelled(30))


class Kind(StrEnum):
    A = "a"
    B = "b"


class Ticket(BaseModel):
    kind: Kind


SCHEMA = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"]}


def test_schemas_of_every_sort(init, write, tmp_path):
    path = tmp_path / "form.json"
    path.write_text(json.dumps(SCHEMA))
    for name, schema in (("model", Ticket), ("mapping", SCHEMA), ("file", path)):
        report = init(write(labelled(30)), name, schema=schema)
        assert not report.schema_inferred
        assert all_examples(report.task)[0].target["kind"] in ("a", "b")


@pytest.mark.parametrize(
    "schema, options, message",
    [
        (SCHEMA, {}, r"line 32: target \$\.kind = 'aa' is not one of the enum"),
        (int, {}, "int is no pydantic model"),
        ({"type": "array"}, {}, "the root must be an object"),
        (
            {"type": "object", "properties": {"lable": {}, "b": {}}},
            {},
            r"the schema has no field 'label' \(did you mean 'lable'\?\)",
        ),
    ],
)
def test_targets_must_fit_a_given_schema(init, write, schema, options, message):
    with pytest.raises(TaskError, match=message):
        init(write([*labelled(30), ("plain new words", "aa")]), schema=schema, **options)


@pytest.mark.parametrize(
    "rows, header, options, message",
    [
        (labelled(6), ("text", "label"), {"input_column": "txt"},
         r"no column 'txt' for the input \(did you mean 'text'\?; columns: text, label\)"),
        (labelled(6), ("text", "label"), {"target_columns": ["zzz"]},
         r"no column 'zzz' for the target \(known: text, label"),
        (labelled(6), ("text", "label"), {"group_column": "who"}, "no column 'who' for the group"),
        (labelled(6), ("text", "label"), {"target_columns": ["text"]},
         r"'text' is the input, it cannot be the target too \(say --input COL or --target"),
        (labelled(6), ("body", "label"), {},
         r"which column is the input\? none has a usual name \(say --input COL, one of: body"),
        (labelled(6), ("label", "category"), {"input_column": "label"},
         r"which column is the target\? label, category could all be it"),
        ([(t, "a") for t in texts(6)], ("text", "label"), {},
         r"every target is 'a' \(a task needs two different targets or more; name other columns"),
        ([("", "a"), ("b", "")], ("text", "label"), {}, "no row has both 'text' and 'label'"),
        ([("hi there", "a"), ("hi there", "b")] * 2, ("text", "label"), {},
         "every input has conflicting targets"),
        ([("x" * 70_000, "a")] * 2, ("text", "label"), {}, "line 2: the input has 70,000 bytes"),
        ([(f"order {i}", "ab"[i % 2]) for i in range(9)], ("text", "label"), {},
         "they fall into 1 independent groups"),
    ],
)  # fmt: skip
def test_bad_input_is_a_one_line_error(init, write, tmp_path, rows, header, options, message):
    with pytest.raises(TaskError, match=message) as caught:
        init(write(rows, header), **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "tasks").exists()


def test_one_boolean_however_it_is_spelt_is_nothing_to_decide(init, write):
    with pytest.raises(TaskError, match="every target is True"):
        init(write([(text, ("true", "TRUE")[at % 2]) for at, text in enumerate(texts(60))]))


def shared_input():
    rows = [(text, "ab"[at % 2], f"g{at % 8}") for at, text in enumerate(texts(40))]
    return [("the same was said twice", "a", "g1"), ("the same was said twice", "a", "g2"), *rows]


def test_groups_that_share_an_input_stay_together(init, write):
    source = write(shared_input(), ("text", "label", "who"))
    for seed in range(6):
        task = init(source, f"desk{seed}", group_column="who", seed=seed).task
        groups = {example.group for example in all_examples(task)}
        assert groups == {"g0", "g1", "g3", "g4", "g5", "g6", "g7"}


def test_groups_alone_are_not_joined_by_an_input(init, write):
    source = write(shared_input(), ("text", "label", "who"))
    task = init(source, group_column="who", ties="group").task
    assert len({example.group for example in all_examples(task)}) == 8


def test_looser_ties_split_templated_inputs(init, write):
    source = write([(f"order {i}", "ab"[i % 2]) for i in range(9)])
    report = init(source, ties="group")
    assert report.num_components == 9
    assert load_task(report.task.path) == report.task


def test_a_missing_file_and_taken_and_bad_names(init, write, tmp_path):
    with pytest.raises(TaskError, match="none.csv: no such file"):
        init(tmp_path / "none.csv")
    init(write(labelled()))
    with pytest.raises(TaskError, match="'desk': .* exists"):
        init(write(labelled()))
    with pytest.raises(TaskError, match="'../up' cannot name a task"):
        init(write(labelled()), "../up")


def test_notes_on_labels_that_look_the_same(init, write):
    rows = [(t, ("Refund", "refund", "card")[i % 3]) for i, t in enumerate(texts(30))]
    (note,) = [note for note in init(write(rows)).notes if "alike" in note]
    assert note.startswith("label: labels that look alike are classes of their own: 'Refund', 'ref")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("ﬁne", "fine"),
        ("no\u00a0answer", "no answer"),
        ("no  answer", "no answer"),
        ("card ", "card"),
        ("card", "c\u0430rd"),
        ("Card", "card"),
        ("re\u200bfund", "refund"),
        ("follow\u2011up", "follow-up"),
        ("Straße", "strasse"),
    ],
)
def test_labels_that_people_take_for_one_are_found(one: str, other: str) -> None:
    assert look_alikes([one, "else", other, "other"]) == [(one, other)]


def test_labels_that_differ_are_no_look_alikes() -> None:
    assert look_alikes(["card", "cards", "cart", "1", "2", "карта", "card"]) == []


def test_a_note_where_labels_were_taken_as_free_text(init, write):
    rows = [(text, f"queue {at % 40}") for at, text in enumerate(texts(60))]
    note = (
        "label: 40 different values in 60 rows were taken as free text, not as labels; "
        "a --schema FILE with an enum makes them labels"
    )
    assert note in init(write(rows)).notes
    remarks = [(text, f"remark {at}") for at, text in enumerate(texts(60))]
    assert len(init(write(remarks), "remarks").notes) == 1
    schema = {"type": "object", "properties": {"label": {"type": "string"}}}
    assert len(init(write(rows), "wanted", schema=schema).notes) == 1
