"""Do what a step says: check the call, make it, read it back. One `Hands` a conversation.

The order of the checks is the order of blame: a tool that does not exist, arguments that break its
schema, a call made before, a write the guards forbid. Only then the world is asked, and again by
code when the tool itself fails. Nothing here asks a model.
"""

from __future__ import annotations

from rung.agents import recovery
from rung.agents.actions import Actions, arguments_schema
from rung.agents.assignment import Assignment
from rung.agents.conversation import observation_of
from rung.agents.episode import Step
from rung.agents.guards import Block, Guard
from rung.agents.ids import records_named
from rung.agents.journal import Tape
from rung.agents.read_back import contradiction, reader_of
from rung.agents.remaining import Remaining
from rung.agents.seen import Seen
from rung.agents.shown import Shown
from rung.agents.words import FINDS, words_of
from rung.core.hashing import canonical_json
from rung.worlds.world import Call, Result, Tool

MAX_BLOCKED = 2
"""Blocked writes, no call made between, after which the request is handed to a person."""
_SETS = frozenset(
    {"move", "set", "update", "change", "edit", "rename", "assign", "mark", "open", "close"}
    | {"reopen", "archive", "restore", "enable", "disable", "lock", "unlock", "start", "stop"}
)
"""Words of writes that leave a record in a state: made again, they add nothing to it."""


class Hands:
    """Makes the calls of one conversation and remembers what was made and shown."""

    def __init__(self, assignment: Assignment, tape: Tape, max_observation_tokens: int) -> None:
        self.made: list[Call] = []
        """Every call the world has had, in order; of one that outlives the run, and so is never
        played again, without those that it refused."""
        self.is_stopped = False
        """Whether the guards want the request handed to a person."""
        self.unverified: dict[str, str] = {}
        """Of records that do not show what was written to them: what they show."""
        self._assignment = assignment
        self._tape = tape
        self._max_tokens = max_observation_tokens
        self._guard = Guard(assignment.actions.tools) if assignment.spec.guards else None
        brief = assignment.world.brief(assignment.example)
        texts = (assignment.example.input, brief, assignment.instruction)
        self._seen = Seen(*texts)
        self._shown = Shown(self._seen, *texts) if assignment.spec.shown else None
        self._remaining = Remaining() if assignment.spec.remaining else None
        self._num_blocked = 0
        self._asked: dict[str, int] = {}
        self._in_doubt: dict[str, int] = {}
        """Writes that may have been done, until a call goes well: where a server does not say which
        of its tools write, that may be the look-up."""
        self._written: dict[str, int] = {}
        self._set: dict[str, frozenset[str]] = {}
        """Of writes that the next write to the same record may undo: the ids in them."""
        self._num_steps = 0

    def offered(self) -> Actions:
        """Return what the next step may be; only a form can be held to it."""
        actions = self._assignment.actions
        in_form = self._assignment.spec.loop == "form"
        return self._shown.offered(actions) if self._shown and in_form else actions

    def do(self, call: Call) -> Step:
        """Make a call or say why not; the step lacks only what the model said."""
        self._num_steps += 1
        if (step := self._unfit(call)) is not None:
            return step
        if (block := self._block(call)) is not None:
            self._num_blocked += 1
            if self._shown:
                self._shown.block(call.tool)
            self.is_stopped = block.final or self._num_blocked >= MAX_BLOCKED
            return Step(call=call, blocked=block.rule, observation=block.text)
        tool = self._assignment.actions.find(call.tool)
        assert tool is not None
        return self._perform(call, tool)

    def objection(self, call: Call) -> str:
        """Return why a call would not be made, nothing where it would be; nothing is changed."""
        if (step := self._unfit(call)) is not None:
            return step.blocked
        block = self._block(call)
        return block.rule if block is not None else ""

    def _unfit(self, call: Call) -> Step | None:
        """Return the step of a call that cannot be made or brings nothing new."""
        tool = self._assignment.actions.find(call.tool)
        if tool is None:
            told = recovery.unknown_tool(call.tool, self._assignment.actions.names)
            return self._not_made(call, f"there is no tool {call.tool!r}", told)
        if problems := recovery.argument_problems(call, arguments_schema(tool)):
            plain = recovery.told_problems(problems)
            return self._not_made(call, plain, recovery.bad_arguments(tool, plain))
        if self._assignment.spec.recovery and (told := self._repeated(call)):
            return self._not_made(call, "repeated", told)
        return None

    def _block(self, call: Call) -> Block | None:
        """Return why the guards forbid a call."""
        return self._guard.check(call, self._seen) if self._guard else None

    def _not_made(self, call: Call, plain: str, told: str) -> Step:
        """Return the step of a call that was not made; without recovery only the error is told."""
        observation = told if self._assignment.spec.recovery else f"Error: {plain}"
        return Step(call=call, blocked=plain, observation=observation)

    def _perform(self, call: Call, tool: Tool) -> Step:
        may_have_acted = tool.writes and self._tape.is_lasting
        again = self._assignment.spec.recovery and not may_have_acted
        retries = recovery.MAX_TOOL_RETRIES if again else 0
        results = recovery.perform(self._call, call, retries=retries)
        result = results[-1]
        self._num_blocked = 0
        told = observation_of(self._assignment, call, results, self._max_tokens)
        if may_have_acted and result.fault == "tool":
            told = recovery.broken_off(call, result)
            self._in_doubt[_key(call)] = self._num_steps
            self._asked.clear()
        problem = self._read_back(call, result, tool)
        self._remember(call, result, tool, took=not problem)
        if problem:
            told = f"{told} But reading it back: {problem}."
        elif self._remaining:
            told += self._remaining.note(call, result, tool)
        return Step(
            call=call,
            result=result,
            observation=told,
            num_tries=len(results),
            unverified=problem,
        )

    def _call(self, call: Call) -> Result:
        result = self._tape.call(call)
        if not (self._tape.is_lasting and result.fault == "input"):
            self.made.append(call)
        return result

    def _remember(self, call: Call, result: Result, tool: Tool, *, took: bool) -> None:
        value = self._seen.add(call, result, writes=tool.writes)
        if self._shown:
            self._shown.add(call, value)
        if not result.error:
            self._in_doubt.clear()
            if tool.writes:
                self._asked.clear()
        if not result.error and not _finds(tool):
            self._note_write(call, tool, took=took)
        elif result.fault != "tool":
            self._asked[_key(call)] = self._num_steps

    def _note_write(self, call: Call, tool: Tool, *, took: bool) -> None:
        """Note a write; those to the same records that it may have undone may be made again."""
        records = records_named(call.arguments, tool.parameters)
        for key in [key for key, ids in self._set.items() if ids & records]:
            del self._set[key], self._written[key]
        if took:
            self._written[_key(call)] = self._num_steps
            if words_of(tool.name) & _SETS:
                self._set[_key(call)] = records

    def _repeated(self, call: Call) -> str:
        """Return what to say to a call that would bring nothing new, else nothing."""
        key = _key(call)
        if key in self._written:
            return recovery.repeated(call, self._written[key], writes=True)
        if key in self._in_doubt:
            return recovery.doubted(call, self._in_doubt[key])
        return recovery.repeated(call, self._asked[key], writes=False) if key in self._asked else ""

    def _read_back(self, call: Call, result: Result, tool: Tool) -> str:
        """Look the written record up; return what it shows otherwise than was written."""
        if not self._assignment.spec.guards or not tool.writes or result.error:
            return ""
        look_up = reader_of(call, result, self._assignment.actions.tools)
        if look_up is None:
            return ""
        problem = contradiction(call, self._call(look_up))
        if problem:
            self.unverified[_key(look_up)] = problem
        else:
            self.unverified.pop(_key(look_up), None)
        return problem


def _finds(tool: Tool) -> bool:
    """Return whether a tool is a look-up: by its name, where that it writes is only assumed."""
    return not tool.writes or (tool.is_assumed and bool(words_of(tool.name) & FINDS))


def _key(call: Call) -> str:
    return canonical_json(call.to_json())
