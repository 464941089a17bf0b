"""An MCP server as a world, against a real server that the test starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.core.errors import TaskError
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.tasks.task import Example, Task
from rung.worlds.mcp import FILE, SCORING, McpWorld
from rung.worlds.mcp_answers import result_of
from rung.worlds.mcp_config import read_config
from rung.worlds.open import open_world
from rung.worlds.world import Call

SERVER = '''
import os
import time
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("desk")
orders = {"A-1": "open", "A-2": "open"}


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def find_orders(status: str = "open") -> list[str]:
    """List the orders of a status."""
    return [order for order, has in orders.items() if has == status]


@server.tool()
def cancel(order: str, note: str = "") -> dict[str, Any]:
    """Cancel an order."""
    if order not in orders:
        raise ToolError(f"no order {order!r}")
    orders[order] = "cancelled"
    return {"order": order, "status": orders[order]}


@server.tool(name="see-env", annotations=ToolAnnotations(read_only_hint=True))
def see_env() -> dict[str, str]:
    """Return the environment."""
    return dict(os.environ)


@server.tool(annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True))
def fail(how: str) -> str:
    """Fail."""
    if how == "sleep":
        time.sleep(30)
    if how == "die":
        os._exit(3)
    if how == "crash":
        raise KeyError("a bug")
    raise ToolError(how)


server.run()
'''


def calls(*pairs: tuple[str, dict[str, Any]]) -> list[Call]:
    return [Call(tool=tool, arguments=arguments) for tool, arguments in pairs]


def example_of(*required: tuple[str, dict[str, Any]], **setup: Any) -> Example:
    target = {"calls": [call.to_json() for call in calls(*required)]}
    return Example(id="e", input="Cancel A-1.", target=target, group="e", setup=setup)


def configure(folder: Path, **more: Any) -> Path:
    (folder / "server.py").write_text(SERVER)
    lines = {"command": [sys.executable, "server.py"], **more}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
    (folder / FILE).write_text(text)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpWorld]:
    pytest.importorskip("mcp", reason="pip install 'rung[mcp]' runs the tests of MCP servers")
    folder = configure(tmp_path_factory.mktemp("desk"), brief="You cancel orders.", timeout_s=20)
    opened = McpWorld.open(folder / FILE, "desk")
    yield opened
    opened.close()


def test_tools_are_listed_with_their_schemas(world: McpWorld) -> None:
    tools = {tool.name: tool for tool in world.tools()}
    assert {name: tool.writes for name, tool in tools.items()} == {
        "find_orders": False, "cancel": True, "see_env": False, "fail": False,
    }  # fmt: skip
    assert [name for name, tool in tools.items() if tool.is_assumed] == ["cancel"]
    assert tools["cancel"].description == "Cancel an order."
    schema = tools["cancel"].parameters
    assert (schema["type"], schema["required"]) == ("object", ["order"])
    assert schema["properties"]["order"]["type"] == "string"
    assert world.brief(example_of()) == "You cancel orders."


def test_calls_reach_the_server_and_its_state_stays(world: McpWorld) -> None:
    cancel, look = calls(("cancel", {"order": "A-2"}), ("find_orders", {"status": "cancelled"}))
    assert world.start(example_of()).call(cancel).value == {"order": "A-2", "status": "cancelled"}
    assert world.start(example_of()).call(look).value == ["A-2"]


@pytest.mark.parametrize(
    ("call", "fault", "message"),
    [
        (("cancle", {}), "input", "there is no tool 'cancle'; did you mean 'cancel'?"),
        (("cancel", {}), "input", "cancel: its arguments: 'order' is a required property"),
        (("cancel", {"order": 3}), "input", "cancel: order: 3 is not of type 'string'"),
        (("cancel", {"order": "A-9"}), "input", "no order 'A-9'"),
        (("fail", {"how": "crash"}), "tool", "Error executing tool fail"),
        (("fail", {"how": "the stock is closed"}), "input", "the stock is closed"),
        (("fail", {"how": "the stock timed out"}), "tool", "the stock timed out"),
        (("fail", {"how": "503 from the stock"}), "tool", "503 from the stock"),
        (("fail", {"how": "HTTP status 429"}), "tool", "HTTP status 429"),
        (("fail", {"how": "connection reset by peer"}), "tool", "connection reset"),
        (("fail", {"how": "there is no order 503"}), "input", "there is no order 503"),
        (("fail", {"how": "no train connection on Sunday"}), "input", "no train connection"),
        (("fail", {"how": "name a day and try again"}), "input", "name a day"),
    ],
)
def test_whose_failure_it_is(
    world: McpWorld, call: tuple[str, dict[str, Any]], fault: str, message: str
) -> None:
    result = world.call(*calls(call))
    assert (result.fault, result.value) == (fault, None)
    assert message in result.error


def test_a_server_that_dies_fails_the_call_and_is_started_again(world: McpWorld) -> None:
    die, look = calls(("fail", {"how": "die"}), ("find_orders", {}))
    assert world.call(die).fault == "tool"
    assert world.call(look).value == ["A-1", "A-2"]


def test_a_write_that_was_broken_off_is_not_made_again(world: McpWorld) -> None:
    cancel, look = calls(("cancel", {"order": "A-1"}), ("find_orders", {"status": "open"}))
    before = world.call(look).value
    told = world.call_in_doubt(cancel)
    assert told.fault == "tool" and "was ended" in told.error
    assert world.call_in_doubt(look).value == before  # a look-up changes nothing


@pytest.mark.slow
def test_a_call_that_hangs_times_out_and_the_next_one_is_answered(
    world: McpWorld, tmp_path: Path
) -> None:
    slow = McpWorld.open(configure(tmp_path, timeout_s=3) / FILE, "slow")
    hang, look = calls(("fail", {"how": "sleep"}), ("see_env", {}))
    assert slow.call(hang).fault == "tool"
    slow.close()
    assert slow.call(look).error == ""
    slow.close()


def test_the_server_sees_only_the_listed_variables(
    world: McpWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_USER", "ada")
    monkeypatch.setenv("DESK_SECRET", "s3cret")
    own = McpWorld.open(configure(tmp_path, env=["DESK_USER"]) / FILE, "own")
    (look,) = calls(("see_env", {}))
    seen = own.call(look).value
    own.close()
    assert seen["DESK_USER"] == "ada"
    assert "DESK_SECRET" not in seen and "RUNG_HOME" not in seen
    unset = McpWorld.open(configure(tmp_path, env=["DESK_GONE"]) / FILE, "unset")
    with pytest.raises(TaskError, match="the variable DESK_GONE is not set"):
        unset.tools()


A1 = ("cancel", {"order": "A-1"})
A2 = ("cancel", {"order": "A-2"})


@pytest.mark.parametrize(
    ("made", "action_level", "cause"),
    [
        ([A1], 1.0, ""),
        ([("find_orders", {}), A1], 1.0, ""),
        ([], 0.0, "missing_action"),
        ([A2], 0.0, "wrong_argument"),
        ([A1, A2], 1.0, "forbidden"),
        ([A1, A1], 1.0, "over_action"),
        ([("cancel", {"order": "A-1", "note": ""})], 1.0, ""),
        ([("cancel", {"order": "A-1", "note": "Refund it, too."})], 1.0, "over_action"),
    ],
)
def test_scores_compare_calls_and_say_so(
    world: McpWorld, made: list[Any], action_level: float, cause: str
) -> None:
    never = [{"name": "cancelled_another", "tool": "cancel", "arguments": {"order": "A-2"}}]
    example = example_of(A1, never=never if len(made) == 2 else [])
    outcome = world.score(example, calls(*made))
    assert (outcome.action_level, outcome.cause) == (action_level, cause)
    assert outcome.strict is (cause == "")
    assert outcome.details["scoring"] == SCORING


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("cancle", {}), "there is no tool 'cancle'"),
        (("cancel", {"ordr": "A-1"}), "'order' is a required property"),
    ],
)
def test_a_target_that_no_call_could_meet_is_a_mistake(
    world: McpWorld, call: Any, message: str
) -> None:
    with pytest.raises(TaskError, match=f"example 'e': a call of its target is none: .*{message}"):
        world.score(example_of(call), [])


def test_a_write_that_the_server_refused_and_the_agent_mended_is_no_extra_write(
    world: McpWorld,
) -> None:
    said = [{"tool": "cancel", "arguments": {"order": "A-9"}},
            {"tool": "cancel", "arguments": {"order": "A-1"}},
            {"tool": "finish", "arguments": {"answer": "Cancelled."}}]  # fmt: skip
    engine = FakeEngine(script=list(map(json.dumps, said)), capabilities=Capabilities(schema=True))
    example = example_of(A1)
    episode = run_agent(AgentSpec(guards=False), engine, world, example, "Do it.")
    assert "no order 'A-9'" in episode.steps[0].observation
    assert world.score(example, episode.calls).strict


def test_conversations_at_once_share_one_server(world: McpWorld, tmp_path: Path) -> None:
    shared = McpWorld.open(configure(tmp_path, timeout_s=20) / FILE, "shared")
    with ThreadPoolExecutor(4) as pool:
        servers = set(pool.map(lambda _: shared._connected(), range(4)))
    (server,) = servers
    shared.close()
    look, other = calls(("find_orders", {}), ("see_env", {}))
    assert shared.call(look).error == ""
    shared._drop(server)  # late news of the first server's end
    assert shared.call(other).error == "" and shared._connected() not in servers
    shared.close()


def answer_of(*content: Any) -> Any:
    types = pytest.importorskip("mcp.types")
    return types.CallToolResult(content=list(content), is_error=False)


def test_answers_in_several_texts_are_several_records(world: McpWorld) -> None:
    types = pytest.importorskip("mcp.types")
    one, other, words = (
        types.TextContent(type="text", text=text) for text in ('{"id": 1}', '{"id": 2}', "and so")
    )
    inside = types.TextResourceContents(uri="desk://a", text="Bo is ill.")
    assert result_of("x", answer_of(one, other)).value == [{"id": 1}, {"id": 2}]
    assert result_of("x", answer_of(one, words)).value == '{"id": 1}\nand so'
    file = types.EmbeddedResource(type="resource", resource=inside)
    assert result_of("x", answer_of(file)).value == "Bo is ill."


def test_the_oracle_is_strict(world: McpWorld) -> None:
    example = example_of(A1, look_ups=[{"tool": "find_orders", "arguments": {}}])
    assert [call.tool for call in world.oracle(example)] == ["find_orders", "cancel"]
    assert world.score(example, world.oracle(example)).strict


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no-such-program-anywhere"], "starting the MCP server 'no-such-program-anywhere'"),
        ([sys.executable, "-c", "raise SystemExit('no licence')"], "its last words: no licence"),
    ],
)
def test_a_server_that_does_not_start_is_named(
    world: McpWorld, tmp_path: Path, command: list[str], message: str
) -> None:
    broken = McpWorld.open(configure(tmp_path, command=command, timeout_s=10) / FILE, "broken")
    with pytest.raises(TaskError, match=message):
        broken.tools()


BAD_SERVER = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    params, how = asked.get("params", {}), sys.argv[1]
    answer = {"result": {"protocolVersion": params.get("protocolVersion"), "capabilities": {},
              "serverInfo": {"name": "x", "version": "1"}}}
    if asked["method"] == "tools/list":
        answer = json.loads(how) if how[0] == "{" else os._exit(3)
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('{"error": {"code": -32603, "message": "the store is locked"}}', "the store is locked"),
        ("die", "Connection closed"),
        ('{"result": {"tools": [{"name": "a"}]}}', "tools.0.inputSchema Field required"),
        ('{"result": {"tools": [], "nextCursor": "p2"}}', "the cursor 'p2' twice"),
    ],
)
def test_tools_that_cannot_be_listed_are_said_to_be(
    world: McpWorld, tmp_path: Path, answer: str, message: str
) -> None:
    command = [sys.executable, "-c", BAD_SERVER, answer]
    broken = McpWorld.open(configure(tmp_path, command=command, timeout_s=20) / FILE, "broken")
    with pytest.raises(TaskError, match=f"the MCP server of .* cannot list its tools: .*{message}"):
        broken.tools()
    broken.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "command must be a list of texts, not None"),
        ('command = "python server.py"', "command must be a list of texts, not 'python"),
        ("command = []", "command must be a list of texts"),
        ('command = ["x"]\ntimeout = 3', r"unknown key timeout \(did you mean 'timeout_s'"),
        ('command = ["x"]\ntimeout_s = 0', "timeout_s must be seconds up to 600, not 0"),
        ('command = ["x"]\nenv = {A = "b"}', "env must be a list of texts"),
        ('command = ["x"]\nbrief = 3', "brief must be text, not 3"),
        ("command =", "reading .*mcp.toml: Invalid value"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(TaskError, match=message):
        read_config(tmp_path / FILE)


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path) -> None:
    task = Task(
        name="t", title="t", instruction="i", schema={}, scoring={}, path=tmp_path, world="mcp"
    )
    (tmp_path / FILE).write_text('command = ["x"]')
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mcp", None)
        patch.delitem(sys.modules, "rung.worlds.mcp_server", raising=False)
        with pytest.raises(TaskError, match=r"pip install 'rung\[mcp\]'"):
            open_world(task)


@pytest.mark.slow
def test_a_program_that_forgets_to_close_still_ends(world: McpWorld, tmp_path: Path) -> None:
    configure(tmp_path)
    program = (
        "from pathlib import Path\nfrom rung.worlds.mcp import McpWorld\n"
        "print(len(McpWorld.open(Path('mcp.toml'), 'x').tools()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("4\n", "", 0)
