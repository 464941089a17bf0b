"""What an agent has seen at each step of a solution, and agents that see nothing of it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rung.tasks.task import Example
from rung.worlds.operations import Operations
from rung.worlds.operations.apps import TOOLS
from rung.worlds.world import Call, Tool

WORLD = Operations()
_PER_TOOL = 40


def replay(example: Example) -> Iterator[tuple[Call, str]]:
    """Yield each call of the oracle with all text that was visible before it."""
    session = WORLD.start(example)
    seen = f"{WORLD.brief(example)}\n{example.input}"
    for call in WORLD.oracle(example):
        yield call, seen
        result = session.call(call)
        assert not result.error, (example.id, call, result.error)
        seen += "\n" + json.dumps(result.value, ensure_ascii=False)


def spam(example: Example) -> list[Call]:
    """Return what an agent would write that tries everything it can on every record there is."""
    text = f"{example.input} {json.dumps(example.setup['tables'], ensure_ascii=False)}"
    found = {
        "email": sorted(set(re.findall(r"[\w.-]+@[\w.-]+", text))),
        "date": sorted(set(re.findall(r"\d{4}-\d\d-\d\d", text))) or ["2026-01-01"],
        "clock": ["09:00", "17:00"],
        "text": [example.input[:500]],
    }
    calls = []
    for tool in WORLD.tools(example):
        if tool.writes:
            calls += itertools.islice(_tries(tool, example, found), _PER_TOOL)
    return calls


def guess(example: Example) -> list[Call]:
    """Return one write for each writing tool, on the first record there is."""
    by_tool = {call.tool: call for call in reversed(spam(example))}
    return list(by_tool.values())


def _tries(tool: Tool, example: Example, found: Mapping[str, Sequence[str]]) -> Iterator[Call]:
    options = {
        name: _options(schema, example, found)
        for name, schema in tool.parameters["properties"].items()
    }
    for values in itertools.product(*options.values()):
        yield Call(tool=tool.name, arguments=dict(zip(options, values, strict=True)))


def _options(
    schema: Mapping[str, Any], example: Example, found: Mapping[str, Sequence[str]]
) -> Sequence[Any]:
    if "enum" in schema:
        return list(schema["enum"])
    if schema["type"] == "integer":
        return [schema["minimum"], 50, 100]
    if schema["type"] == "array":
        return [found["email"][:12] or ["a@b.example"]]
    if schema.get("format") in found:
        return found[schema["format"]] or ["a@b.example"]
    pattern = schema.get("pattern", "")
    if pattern.startswith(r"^\d\d"):
        return found["clock"]
    if pattern:
        rows = example.setup["tables"].values()
        ids = [row["id"] for table in rows for row in table if re.match(pattern, row["id"])]
        return ids or ["X-1"]
    return found["text"]


def free_text(call: Call, example: Example) -> Mapping[str, Sequence[str]]:
    """Return the literals of a required write."""
    calls = [Call(**target) for target in example.target["calls"]]
    literals: Mapping[str, Sequence[str]] = example.setup["literals"][calls.index(call)]
    return literals


def choices(call: Call) -> set[str]:
    """Return the arguments of a call that are choices its tool shows."""
    properties = TOOLS[call.tool].tool.parameters["properties"]
    return {name for name in call.arguments if "enum" in properties[name]}
