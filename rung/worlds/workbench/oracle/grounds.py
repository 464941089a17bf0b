"""Where the literals of an oracle's writes come from: nothing may fall from the sky.

An agent can only be taught what it can see. A literal is `seen` when it stands, whatever its case,
in the query, the brief or an earlier result; `listed` when it is one of the tool's closed lists;
`worked_out` when it is a day, a time or a number, which dates and arithmetic give; else `unseen`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from rung.tasks.task import Example
from rung.worlds.world import Call, Tool, World

Source = Literal["seen", "listed", "worked_out", "unseen"]
_WORKED_OUT = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?|\d{1,4}")


def sources(world: World, example: Example, calls: Sequence[Call]) -> dict[str, Source]:
    """Return where each literal of the writes comes from; of two sources the better one."""
    tools = {tool.name: tool for tool in world.tools(example)}
    session = world.start(example)
    seen = f"{example.input}\n{world.brief(example)}"
    found: dict[str, Source] = {}
    for call in calls:
        tool = tools.get(call.tool)
        if tool is not None and tool.writes:
            for value in map(str, call.arguments.values()):
                found.setdefault(value, _source(value, tool, seen))
        seen += "\n" + _text(session.call(call).value)
    return found


def _source(value: str, tool: Tool, seen: str) -> Source:
    if _stands_in(value, seen) or _stands_in(value.replace("\n", "\\n"), seen):
        return "seen"
    if _stands_in(value, _text(tool.parameters)):
        return "listed"
    return "worked_out" if _WORKED_OUT.fullmatch(value) else "unseen"


def _stands_in(value: str, text: str) -> bool:
    pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
