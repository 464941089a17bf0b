"""An MCP server as a world: its tools, behind the protocol.

The server's state is out of reach: it can neither be reset between examples nor compared. So every
call that an agent makes really happens, on whatever the server is connected to, and a score
compares calls with the required ones and looks at no state. The world says so in each outcome's
`details`. A tool counts as a look-up only when the server marks it `readOnlyHint`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, quote
from rung.forms.validity import violations
from rung.tasks.task import Example
from rung.worlds import setup
from rung.worlds.canonical import canonical
from rung.worlds.mcp_answers import defaults_of, plain_name, reason, result_of, tool_of
from rung.worlds.mcp_config import McpConfig, environment, read_config
from rung.worlds.scoring import Pair, judge, pair_calls
from rung.worlds.world import Call, Outcome, Result, Tool

if TYPE_CHECKING:
    from mcp.types import Tool as ServerTool

    from rung.worlds.mcp_server import Server

FILE = "mcp.toml"
SCORING = "required calls only: the state of an MCP server can be neither reset nor compared"
_ENDED = "the run was ended during this call."
_INVALID_PARAMS, _METHOD_NOT_FOUND, _CONNECTION_CLOSED = -32602, -32601, -32000


class McpWorld:
    """The tools of one MCP server. The server is started when it is first needed."""

    def __init__(self, config: McpConfig, folder: Path, name: str) -> None:
        self.name = name
        self._config = config
        self._folder = folder
        self._server: Server | None = None
        self._starting = Lock()
        self._tools: tuple[Tool, ...] | None = None
        self._wire_names: dict[str, str] = {}

    @classmethod
    def open(cls, path: Path, name: str) -> McpWorld:
        """Read `mcp.toml`; raises TaskError when it is wrong or the extra `mcp` is missing."""
        config = read_config(path)
        try:
            import_module("rung.worlds.mcp_server")
        except ImportError as error:
            raise TaskError(
                f"task {name!r} is played on an MCP server, which needs the package mcp: {error}",
                hint="pip install 'rung[mcp]'",
            ) from None
        return cls(config, path.parent, name)

    def tools(self, example: Example | None = None) -> Sequence[Tool]:
        """Return every tool the server lists, the same for every example; raises TaskError when it
        cannot list them."""
        if self._tools is None:
            listed = self._list()
            self._wire_names = {plain_name(tool.name): tool.name for tool in listed}
            if len(self._wire_names) < len(listed):
                raise TaskError(f"{self.name}: two tools of the MCP server have one name")
            self._tools = tuple(tool_of(tool) for tool in listed)
        return self._tools

    def brief(self, example: Example) -> str:
        """Return the `brief` of `mcp.toml`."""
        return self._config.brief

    def start(self, example: Example) -> McpWorld:
        """Return the world itself: there is one server, and it remembers earlier examples."""
        setup.check_keys(example)
        return self

    def call(self, call: Call) -> Result:
        """Use a tool of the server; wrong arguments are refused before they reach it."""
        if wrong := self._wrong(call):
            return Result(error=wrong, fault="input")
        return self._ask(call)

    def _wrong(self, call: Call) -> str:
        """Return why a call cannot be made by what the server lists, empty where it can."""
        tool = self._find(call.tool)
        if tool is None:
            known = did_you_mean(call.tool, self._wire_names)
            return f"there is no tool {quote(call.tool)}; {known}"
        if found := violations(dict(call.arguments), dict(tool.parameters)):
            place = ".".join(str(part) for part in found[0].path) or "its arguments"
            return f"{call.tool}: {place}: {found[0].message}"
        return ""

    def _find(self, name: str) -> Tool | None:
        return next((tool for tool in self.tools() if tool.name == name), None)

    def call_in_doubt(self, call: Call) -> Result:
        """Answer for a call that a killed run may have made: a look-up is made again, a write is
        not, since the server cannot be asked whether it was done."""
        if (tool := self._find(call.tool)) is not None and tool.writes:
            return Result(error=_ENDED, fault="tool")
        return self.call(call)

    def oracle(self, example: Example) -> Sequence[Call]:
        """Return the setup's look-ups and the target's calls."""
        return setup.solution(example)

    def score(self, example: Example, calls: Sequence[Call]) -> Outcome:
        """Compare the writes with the required calls, in any order; nothing is called."""
        required, says = setup.required(example), setup.literals(example)
        for call in required:
            if wrong := self._wrong(call):
                raise TaskError(
                    f"example {example.id!r}: a call of its target is none: {wrong}",
                    hint="mend the target",
                )
        asked = {call.tool for call in required}
        writing = {tool.name for tool in self.tools() if tool.writes} | asked
        made = [call for call in calls if call.tool in writing]
        pairs = pair_calls(required, made, says)
        meant = {pair.made for pair in pairs}
        unasked = [at for at in range(len(made)) if at not in meant]
        return judge(
            required,
            made,
            says,
            reached=not unasked
            and all(pair.match == 1.0 and not self._adds(pair, made) for pair in pairs),
            changed=bool(made),
            unasked=unasked,
            forbidden=setup.broken(example, made, self.tools()),
            details={"scoring": SCORING},
        )

    def _adds(self, pair: Pair, made: Sequence[Call]) -> bool:
        """Return whether a call has an argument that nobody required and that is no default."""
        given = made[pair.made].arguments if pair.made is not None else {}
        extra = {
            name: value
            for name, value in given.items()
            if value is not None and pair.required.arguments.get(name) is None
        }
        tool = self._find(pair.required.tool)
        known = defaults_of(tool) if tool is not None else {}
        return any(canonical(value) != canonical(known.get(name)) for name, value in extra.items())

    def close(self) -> None:
        """Stop the server; a later call starts it again."""
        if self._server is not None:
            self._drop(self._server)

    def _drop(self, server: Server) -> None:
        """Stop a server, and not the one that another conversation has started since."""
        with self._starting:
            if self._server is server:
                self._server = None
        server.close()

    def _connected(self) -> Server:
        """Return the server, which conversations that run at once share."""
        with self._starting:
            if self._server is None:
                from rung.worlds.mcp_server import Command, Server

                command = Command(
                    words=self._config.command,
                    folder=self._folder,
                    timeout_s=self._config.timeout_s,
                    env=environment(self._config.env, self._folder / FILE),
                )
                self._server = Server(command)
            return self._server

    def _list(self) -> list[ServerTool]:
        from mcp import MCPError

        try:
            return self._connected().tools()
        except (MCPError, TimeoutError, OSError, RuntimeError, ValueError) as error:
            self.close()
            raise TaskError(
                f"{self.name}: the MCP server of {self._folder / FILE} cannot list its tools:"
                f" {reason(error)}",
                hint="run the command of mcp.toml in that folder by hand",
            ) from error

    def _ask(self, call: Call) -> Result:
        from mcp import MCPError

        server = self._connected()
        try:
            answer = server.call(self._wire_names[call.tool], call.arguments)
        except MCPError as error:
            if error.code == _CONNECTION_CLOSED:
                self._drop(server)
            fault = error.code in (_INVALID_PARAMS, _METHOD_NOT_FOUND)
            return Result(error=f"{call.tool}: {error}", fault="input" if fault else "tool")
        except (TimeoutError, OSError, RuntimeError, ValueError) as error:
            return Result(error=f"{call.tool}: {reason(error)}", fault="tool")
        return result_of(call.tool, answer)
