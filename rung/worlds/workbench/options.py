"""`options.toml` of a WorkBench task's `world/` folder: which tools an agent is given.

tools = "domains"      # the tools of the query's domains and the directory, or "all"
extra_tools = false    # true: helpers that do date and count arithmetic; for every arm or none
                       # "answers": also those that decide a query's condition and find its rows
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, quote

FILE = "options.toml"
ToolChoice = Literal["domains", "all"]
ExtraTools = bool | Literal["answers"]
_TOOL_CHOICES = ("domains", "all")
_KEYS = ("tools", "extra_tools")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be chosen about a WorkBench world."""

    tools: ToolChoice = "domains"
    """`domains`: those of the query's domains and the directory; `all`: those of all five."""
    extra_tools: ExtraTools = False
    """Whether agents also get the helpers of `helpers.py`, which the published agents had not;
    `answers`: those of the `answers_….py`, too."""

    def to_toml(self) -> str:
        """Return the text of the file."""
        extra = '"answers"' if self.extra_tools == "answers" else str(self.extra_tools).lower()
        return f'tools = "{self.tools}"\nextra_tools = {extra}\n'


def read_options(folder: Path) -> Options:
    """Read the options beside a world's tables; without a file they are the defaults.

    Raises TaskError naming a key or value that is unknown.
    """
    path = folder / FILE
    if not path.exists():
        return Options()
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TaskError(f"reading {path}: {error}") from None
    for key in data:
        if key not in _KEYS:
            raise TaskError(f"reading {path}: unknown key {key!r}", hint=did_you_mean(key, _KEYS))
    options = Options(**data)
    if options.tools not in _TOOL_CHOICES:
        raise TaskError(
            f"reading {path}: tools is {quote(options.tools)}",
            hint=did_you_mean(options.tools, _TOOL_CHOICES),
        )
    if options.extra_tools != "answers" and not isinstance(options.extra_tools, bool):
        raise TaskError(
            f"reading {path}: extra_tools is {quote(options.extra_tools)}",
            hint='write true, false or "answers"',
        )
    return options
