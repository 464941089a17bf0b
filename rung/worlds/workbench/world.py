"""WorkBench as a world: five sandboxes over one state, and the published outcome metric.

Styles et al. 2024, "WorkBench: a benchmark dataset for agents in a realistic workplace setting".
An outcome is correct when the state after the made calls equals the state after the published
answer's calls, whatever the case of letters; calls that fail are skipped. Look-ups cost nothing.
Nothing here knows of models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rung.tasks.task import Example
from rung.worlds import scoring
from rung.worlds.workbench import (
    analytics,
    answers_agenda,
    answers_figures,
    answers_work,
    calendar,
    customers,
    directory,
    helpers,
    mail,
    oracle,
    projects,
)
from rung.worlds.workbench.clock import CLOSES, NOW, OPENS
from rung.worlds.workbench.options import ExtraTools, Options, ToolChoice, read_options
from rung.worlds.workbench.state import State, read_state
from rung.worlds.workbench.toolbox import SandboxTool, use
from rung.worlds.world import Call, Outcome, Result, Tool

SANDBOXES = (calendar, mail, analytics, projects, customers)
TOOLS: tuple[SandboxTool, ...] = tuple(
    tool for module in (*SANDBOXES, directory) for tool in module.TOOLS
)
"""26 tools of five sandboxes, and the directory."""
_DIRECTORY = directory.TOOLS[0].domain


class WorkBenchSession:
    """One query's workplace; every tool works in it, whichever of them an agent was given."""

    def __init__(self, tools: dict[str, SandboxTool], state: State) -> None:
        self.state = state
        self._tools = tools

    def call(self, call: Call) -> Result:
        """Use a tool; a wrong call is a Result with an error and changes nothing."""
        return use(self._tools, self.state, call)


class WorkBench:
    """The world of a WorkBench task. Its tables are shared by all sessions and never changed."""

    name = "workbench"

    def __init__(self, state: State, options: Options | None = None) -> None:
        self.options = options or Options()
        self._state = state
        self._helpers = _helpers(self.options.extra_tools)
        self._tools = {tool.tool.name: tool for tool in (*TOOLS, *self._helpers)}

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        tools: ToolChoice | None = None,
        extra_tools: ExtraTools | None = None,
    ) -> WorkBench:
        """Read a task's `world/` folder; what is not given comes from its `options.toml`.

        Raises TaskError for a file that is missing or not as published.
        """
        options = read_options(folder)
        if tools is not None:
            options = replace(options, tools=tools)
        if extra_tools is not None:
            options = replace(options, extra_tools=extra_tools)
        return cls(read_state(folder), options)

    def tools(self, example: Example) -> Sequence[Tool]:
        """Return the tools of the example's domains (or all), the directory, and any helpers."""
        domains = {*example.setup["domains"], _DIRECTORY}
        every = self.options.tools == "all"
        chosen = [tool.tool for tool in TOOLS if every or tool.domain in domains]
        return [*chosen, *(tool.tool for tool in self._helpers)]

    def brief(self, example: Example) -> str:
        """Return what the published agents were told, too."""
        return (
            f"Today is {NOW:%A}, {NOW:%Y-%m-%d}, and the time is {NOW:%H:%M}."
            f" Meetings must not start before {OPENS}:00 or end after {CLOSES}:00."
        )

    def start(self, example: Example) -> WorkBenchSession:
        """Return a fresh session; every example starts from the same state."""
        return WorkBenchSession(self._tools, self._state.copy())

    def oracle(self, example: Example) -> Sequence[Call]:
        """Return look-ups and writes that solve the example, as far as can be from what is seen."""
        return oracle.solve(self, example).calls

    def required(self, example: Example) -> list[Call]:
        """Return the published answer."""
        return [Call(**call) for call in example.target["calls"]]

    def score(self, example: Example, calls: Sequence[Call]) -> Outcome:
        """Play the calls on a fresh session and judge the state they leave.

        `details` holds `exact`: whether the writes are those of the answer, in any order.
        """
        required, made = self.required(example), self._writes(calls)
        asked, _ = self._play(required)
        left, changing = self._play(made)
        reached = left.equals(asked, fold=True)
        return scoring.judge(
            required,
            made,
            reached=reached,
            changed=not left.equals(self._state),
            unasked=() if reached else changing,
            details={"exact": _fingerprint(made) == _fingerprint(required)},
        )

    def _writes(self, calls: Sequence[Call]) -> list[Call]:
        return [
            call
            for call in calls
            if call.tool in self._tools and self._tools[call.tool].tool.writes
        ]

    def _play(self, writes: Sequence[Call]) -> tuple[State, list[int]]:
        """Return the state that writes leave, and the positions of those that changed it."""
        state, changing = self._state.copy(), []
        for position, call in enumerate(writes):
            before = state.copy()
            use(self._tools, state, call)
            if not state.equals(before):
                changing.append(position)
        return state, changing


def _helpers(extra: ExtraTools) -> tuple[SandboxTool, ...]:
    answers = (*answers_figures.TOOLS, *answers_agenda.TOOLS, *answers_work.TOOLS)
    if extra == "answers":
        return (*helpers.TOOLS, *answers)
    return helpers.TOOLS if extra else ()


def _fingerprint(calls: Sequence[Call]) -> Counter[object]:
    """Return calls in a form that is equal for exact matches: case and order do not count."""
    return Counter(
        (call.tool, frozenset((name, str(value).lower()) for name, value in call.arguments.items()))
        for call in calls
    )
