"""The words of the task: reads the packaged TOML files once.

`workflows/<file>.toml` holds, for each workflow, what requests and rule pages say; `entities.toml`
the names, `chatter.toml` what stands around a request. Every list is dealt to the splits by hand:
what stands under `holdout` is used nowhere else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from rung.core.records import Split

Phrases = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wordings:
    """The words of one workflow, by list and split."""

    lists: Mapping[str, Mapping[str, Phrases]]

    def of(self, name: str, split: Split) -> Phrases:
        """Return the phrases of one list that a split may use."""
        return self.lists[name][split]


@cache
def wordings(file: str) -> dict[str, Wordings]:
    """Return the wordings of all workflows in one file, by workflow."""
    return {
        workflow: Wordings(lists={name: _tuples(lists) for name, lists in table.items()})
        for workflow, table in _read(f"workflows/{file}.toml").items()
    }


@cache
def pools(split: Split) -> dict[str, Phrases]:
    """Return the names that a split may use, by pool."""
    return _tuples(_read("entities.toml")[split])


@cache
def chatter(split: Split) -> dict[str, Phrases]:
    """Return what stands before and after a request, by place."""
    return _tuples(_read("chatter.toml")[split])


def _read(path: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / path).read_text(encoding="utf-8"))


def _tuples(table: Mapping[str, Any]) -> dict[str, Phrases]:
    return {name: tuple(entries) for name, entries in table.items()}
