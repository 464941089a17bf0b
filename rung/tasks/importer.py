"""`rung init`: a labelled file becomes a task folder.

Rows with the same input and target are merged into one example; inputs with conflicting targets are
dropped from all splits and written to `quarantine.jsonl`, because no route can be right about them.
Free text may differ between rows of one input without being a conflict: the first wording is kept.
Groups that share an input are one group, unless only groups are to tie examples.
Ids are hashes of the input, so the same message keeps its id when a longer file is imported.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rung.core.errors import TaskError
from rung.core.hashing import canonical_json, content_hash
from rung.core.records import SPLITS, Split
from rung.core.spelling import quote
from rung.tasks.alike import look_alikes
from rung.tasks.answers import Answers, read_answers
from rung.tasks.columns import Columns, Record
from rung.tasks.contract import check_name, default_scoring
from rung.tasks.duplicates import Components
from rung.tasks.fields import as_text
from rung.tasks.folder import check_free, group_by_split, load_task, save_task, tasks_home
from rung.tasks.infer import MAX_LABEL_CHARS, check_not_constant, convert, infer_schema
from rung.tasks.sources import read_table
from rung.tasks.splits import MIN_HOLDOUT, Ties, check_leaks, components, split_examples
from rung.tasks.task import Example, Task

Schema = Mapping[str, Any] | type | Path
"""A JSON Schema, a pydantic model class, or the path of a JSON Schema file."""

_MAX_SHOWN = 5
_MAX_DISTINCT = 0.8
"""Share of distinct values below which free text looks like labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One input that was labelled in different ways."""

    input: str
    targets: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of the rows of a source."""

    task: Task
    num_rows: int
    num_blank: int
    """Rows dropped because their input or target was blank."""
    num_merged: int
    """Rows that repeated another row's input, with no conflicting target."""
    num_quarantined: int
    """Rows whose input has conflicting targets."""
    num_conflicts: int
    """Inputs with conflicting targets."""
    conflicts: tuple[Conflict, ...]
    """The first few of them."""
    num_examples: int
    num_components: int
    """Independent sets of examples (by group and near-duplicate), the units that were split."""
    largest_component: int
    num_per_split: Mapping[Split, int]
    schema_inferred: bool
    notes: tuple[str, ...] = ()
    """Things the owner should look at, one sentence each."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a plain JSON object, the task by name and folder."""
        counts = {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in ("task", "conflicts", "num_per_split", "notes")
        }
        return {
            "task": self.task.name,
            "path": str(self.task.path),
            **counts,
            "num_per_split": dict(self.num_per_split),
            "conflicts": [asdict(conflict) for conflict in self.conflicts],
            "notes": list(self.notes),
        }


def init_task(
    name: str,
    source: Path,
    *,
    input_column: str | None = None,
    target_columns: Sequence[str] = (),
    schema: Schema | None = None,
    group_column: str | None = None,
    instruction: str | None = None,
    seed: int = 0,
    ties: Ties = "near",
    resplit: bool = False,
    dest: Path | None = None,
) -> ImportReport:
    """Make the task folder `dest/name` (default: in the user's tasks) from a labelled file.

    Columns of usual names are found by themselves. A column `split` is honoured unless `resplit`.
    Raises TaskError, in one line, for everything that is wrong with the name, file or columns.
    """
    check_name(name)
    folder = (dest or tasks_home()) / name
    check_free(folder, name)
    table = read_table(source)
    columns = Columns(table, input_column, target_columns, group_column, resplit)
    answers = _answers(schema) if schema is not None else None
    records = columns.records(answers)
    if answers is None:
        targets = [record.target for record in records]
        answers = Answers(infer_schema(targets, text_cells=columns.text_cells))
    records = [_convert(record, answers, f"reading {source}") for record in records]
    if schema is None:
        check_not_constant([record.target for record in records], f"reading {source}")
    examples, placed, conflicts, quarantine = _merge(records, answers, source, ties)
    parts = components(examples, ties)
    grouped = group_column is not None
    if any(placed):
        splits = _place(examples, placed, parts, ties, grouped=grouped)
    else:
        splits = _split(examples, parts, seed, grouped=grouped)
    task = Task(
        name=name,
        title=name.replace("-", " ").replace("_", " ").capitalize(),
        instruction=instruction or table.instruction or _instruction(answers),
        schema=answers.schema,
        scoring=default_scoring(answers),
        path=folder,
    )
    save_task(task, splits, folder, ties=ties, seed=seed, quarantine=quarantine)
    return ImportReport(
        task=load_task(folder),
        num_rows=len(table.rows),
        num_blank=len(table.rows) - len(records),
        num_merged=len(records) - len(quarantine) - len(examples),
        num_quarantined=len(quarantine),
        num_conflicts=len(conflicts),
        conflicts=tuple(conflicts[:_MAX_SHOWN]),
        num_examples=len(examples),
        num_components=len(parts),
        largest_component=max(map(len, parts)),
        num_per_split={split: len(splits[split]) for split in SPLITS},
        schema_inferred=schema is None,
        notes=(
            *(_notes_on_text(answers, records) if schema is None else ()),
            *_notes(answers, len(splits["holdout"])),
        ),
    )


def _answers(schema: Schema) -> Answers:
    if isinstance(schema, Path):
        return read_answers(schema)
    if isinstance(schema, type):
        export = getattr(schema, "model_json_schema", None)
        if export is None:
            raise TaskError(f"{schema.__name__} is no pydantic model", hint="subclass BaseModel")
        return Answers(export(), where=f"the schema of {schema.__name__}")
    return Answers(dict(schema))


def _convert(record: Record, answers: Answers, where: str) -> Record:
    target = {
        name: convert(value, answers.fields.get(name, {})) for name, value in record.target.items()
    }
    answers.check(target, f"{where}, line {record.line}")
    return replace(record, target=target)


def _merge(
    records: Sequence[Record], answers: Answers, source: Path, ties: Ties
) -> tuple[list[Example], list[Split | None], list[Conflict], list[dict[str, Any]]]:
    """Return one example per input with its given split, the conflicts and their rows."""
    by_input: dict[str, list[Record]] = {}
    for record in records:
        by_input.setdefault(unicodedata.normalize("NFC", record.input), []).append(record)
    examples, placed, conflicts, quarantine = [], [], [], []
    names = _joined_groups(by_input.values()) if ties != "group" else {}
    for text, same in by_input.items():
        targets = {_decision(record.target, answers): record.target for record in same}
        if len(targets) > 1:
            conflicts.append(Conflict(input=text, targets=tuple(targets.values())))
            quarantine += [{"line": r.line, "input": r.input, "target": r.target} for r in same]
            continue
        if len({record.split for record in same}) > 1:
            raise TaskError(
                f"reading {source}: lines {same[0].line} and {same[-1].line} have the same input "
                f"in different splits: {quote(text)}",
                hint="drop one of them, or let rung split: --resplit",
            )
        id_ = content_hash(text)[:16]
        group = next((record.group for record in same if record.group), id_)
        group = names.get(group, group)
        examples.append(Example(id=id_, input=same[0].input, target=same[0].target, group=group))
        placed.append(same[0].split)
    if not examples:
        raise TaskError(f"reading {source}: every input has conflicting targets")
    return examples, placed, conflicts, quarantine


def _joined_groups(inputs: Iterable[Sequence[Record]]) -> dict[str, str]:
    """Return the name that each group goes by: of groups that share an input, the first by name."""
    shared = [[record.group for record in same if record.group] for same in inputs]
    names = sorted({group for groups in shared for group in groups})
    at = {name: position for position, name in enumerate(names)}
    joined = Components(len(names))
    for first, *others in filter(None, shared):
        for other in others:
            joined.join(at[first], at[other])
    return {name: names[joined.find(position)] for name, position in at.items()}


def _decision(target: Mapping[str, Any], answers: Answers) -> str:
    """Return the part of a target on which two rows of one input must agree."""
    return canonical_json(
        {name: value for name, value in target.items() if answers.kind(name) != "text"}
        if all(name in answers.fields for name in target)
        else target
    )


def _split(
    examples: Sequence[Example], parts: Sequence[Sequence[int]], seed: int, *, grouped: bool
) -> dict[Split, list[Example]]:
    """Deal whole components; examples keep their own groups only when the source had groups."""
    tied = _tie(examples, parts)
    kept = {example.id: example for example in (examples if grouped else tied)}
    dealt = split_examples(tied, seed=seed, ties="group")
    return {split: [kept[example.id] for example in dealt[split]] for split in SPLITS}


def _place(
    examples: Sequence[Example],
    placed: Sequence[Split | None],
    parts: Sequence[Sequence[int]],
    ties: Ties,
    *,
    grouped: bool,
) -> dict[Split, list[Example]]:
    """Put examples where the source says, unless that leaks."""
    check_leaks(group_by_split(zip(examples, placed, strict=True)), ties)
    kept = examples if grouped else _tie(examples, parts)
    return group_by_split(zip(kept, placed, strict=True))


def _tie(examples: Sequence[Example], parts: Sequence[Sequence[int]]) -> list[Example]:
    """Return the examples with one group a component, named after its smallest id."""
    tied = list(examples)
    for part in parts:
        group = min(examples[at].id for at in part)
        for at in part:
            tied[at] = replace(examples[at], group=group)
    return tied


def _instruction(answers: Answers) -> str:
    if len(answers.fields) == 1 and answers.kind(next(iter(answers.fields))) == "label":
        return f"Read the text and decide its {next(iter(answers.fields))}."
    return f"Read the text and fill in: {', '.join(answers.fields)}."


def _notes_on_text(answers: Answers, records: Sequence[Record]) -> Iterator[str]:
    """Yield a note for each field that may hold labels, but too many for the rows there are."""
    for field in answers.fields:
        values = [record.target[field] for record in records if field in record.target]
        if answers.kind(field) != "text" or not all(isinstance(v, str) for v in values):
            continue
        num = len(set(values))
        if num <= _MAX_DISTINCT * len(values) and max(map(len, values)) <= MAX_LABEL_CHARS:
            yield (
                f"{field}: {num} different values in {len(values)} rows were taken as free text, "
                "not as labels; a --schema FILE with an enum makes them labels"
            )


def _labels(node: Mapping[str, Any]) -> list[str]:
    """Return the labels of a field, which may be null, too."""
    nodes = [node, *node.get("anyOf", ())]
    return [as_text(value) for one in nodes for value in one.get("enum", ())]


def _notes(answers: Answers, num_holdout: int) -> list[str]:
    notes = []
    for field, node in answers.fields.items():
        notes += [
            f"{field}: labels that look alike are classes of their own: "
            f"{', '.join(map(ascii, alike))}; write them alike in the file and make the task again"
            for alike in look_alikes(_labels(node))
        ]
    if num_holdout < MIN_HOLDOUT:
        notes.append(
            f"the holdout has {num_holdout} examples; "
            f"a margin of 3 points usually needs {MIN_HOLDOUT} or more"
        )
    return notes
