"""The published data set, read from a folder of the user's: queries, answers, recorded runs.

WorkBench (Styles et al. 2024, MIT): 690 queries of 69 templates over five sandboxes. Its answers
hold only the calls that change something. A recorded run is what a model called for each query;
`domains` runs saw the tools of the query's domains, `all` runs all 26. Nothing is scored here.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rung.core.errors import TaskError, reason_of
from rung.core.spelling import quote
from rung.tasks.task import Example
from rung.worlds.workbench.literals import parse_calls
from rung.worlds.workbench.recorded import Recorded
from rung.worlds.workbench.state import DIRECTORY, FILES

DOMAINS = (
    "email",
    "calendar",
    "analytics",
    "project_management",
    "customer_relationship_manager",
    "multi_domain",
)
"""The files of queries, in the order their examples are numbered."""
DEFAULT_FOLDER = Path("../shared/data/workbench")
HINT = (
    "name the folder that holds data/processed and data/results: rung init workbench --from FOLDER"
)
_ALIASES = {"crm": "customer_relationship_manager"}
_RUN = re.compile(r"(?P<model>.+)_(?P<tools>domains|all)_(?P<date>[\d-]+_[\d-]+)\.csv")
_MAX_CELL = 1 << 26
"""Characters; a recorded response with all its steps is longer than the csv module allows."""


def data_folder(folder: Path | None = None) -> Path:
    """Return the `data` folder of the data set; raises TaskError when it is not there."""
    root = folder or DEFAULT_FOLDER
    for found in (root / "data", root):
        if (found / "processed" / "queries_and_answers").is_dir():
            return found
    raise TaskError(f"there is no WorkBench data set in {root}", hint=HINT)


def is_data_set(folder: Path) -> bool:
    """Return whether a folder holds the data set."""
    try:
        data_folder(folder)
    except TaskError:
        return False
    return True


def read_examples(data: Path) -> list[Example]:
    """Read all queries with their answers; the group of each is its template.

    Templates are called by file and number, in the order of the file: `calendar-t00`, ….
    """
    examples = []
    for domain in DOMAINS:
        path, templates = _queries(data, domain), dict[str, str]()
        for number, row in enumerate(_rows(path)):
            template = row.get("base_template", "")
            label = templates.setdefault(template, f"{domain}-t{len(templates):02d}")
            examples.append(_example(row, f"{domain}-{number:03d}", label, path))
    return examples


def world_files(data: Path) -> dict[str, Path]:
    """Return the files a world is read from, by the name they have in a task's folder."""
    return {file: data / "processed" / file for file in FILES.values()} | {
        DIRECTORY: data / "raw" / DIRECTORY
    }


def read_recorded(data: Path, examples: list[Example]) -> dict[str, list[Recorded]]:
    """Read all recorded runs by name: `gpt-4` had the tools of a query's domains, `gpt-4-all` all.

    Each has one record per example, in the order of the examples.
    """
    by_query = {example.input: example.id for example in examples}
    runs: dict[str, dict[str, Recorded]] = {}
    for domain in DOMAINS:
        for path in sorted((data / "results" / domain).glob("*.csv")):
            if match := _RUN.fullmatch(path.name):
                name = match["model"] + ("-all" if match["tools"] == "all" else "")
                runs.setdefault(name, {}).update(_records(path, f"{domain}/{path.name}", by_query))
    for name, records in runs.items():
        if missing := [example.id for example in examples if example.id not in records]:
            raise TaskError(
                f"the recorded run {name!r} lacks {len(missing)} queries, {missing[0]!r} first",
                hint=HINT,
            )
    return {name: [runs[name][example.id] for example in examples] for name in sorted(runs)}


def _queries(data: Path, domain: str) -> Path:
    return data / "processed" / "queries_and_answers" / f"{domain}_queries_and_answers.csv"


def _example(row: Mapping[str, str], id_: str, template: str, path: Path) -> Example:
    try:
        calls, unread = parse_calls(row["answer"])
        domains = [_ALIASES.get(name, name) for name in ast.literal_eval(row["domains"])]
    except (KeyError, ValueError, SyntaxError) as error:
        raise TaskError(f"reading {path}, {id_}: {error}", hint=HINT) from None
    if unread:
        raise TaskError(f"reading {path}, {id_}: {quote(unread[0])} is not a call", hint=HINT)
    return Example(
        id=id_,
        input=row["query"],
        target={"calls": [call.to_json() for call in calls]},
        group=template,
        setup={
            "domains": domains,
            "template": template,
            "base_template": row["base_template"],
            "chosen_template": row["chosen_template"],
        },
    )


def _records(path: Path, source: str, by_query: Mapping[str, str]) -> dict[str, Recorded]:
    records = {}
    for row in _rows(path):
        try:
            example = by_query[row["query"]]
            calls, unread = parse_calls(row["function_calls"])
        except (KeyError, ValueError) as error:
            raise TaskError(f"reading {path}: {quote(str(error))}", hint=HINT) from None
        records[example] = Recorded(
            example=example,
            calls=tuple(calls),
            unread=tuple(unread),
            error=row["error"],
            source=source,
        )
    return records


def _rows(path: Path) -> Iterator[dict[str, str]]:
    limit = csv.field_size_limit(_MAX_CELL)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TaskError(f"reading {path}: {reason_of(error)}", hint=HINT) from None
    finally:
        csv.field_size_limit(limit)
