"""How each agent library is used by `agent_peers_worker.py`, as its own documentation does it.

Each function is called once, imports its library and returns what works on one task: an agent of
the library's own with the task's system text, the task's tools from their JSON Schemas, temperature
0 and the task's limits; everything else is the library's default. Only what a library calls a
regular end is `ok`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from agent_peers_worker import Desk, Ended, Run

KEY = "none"
"""Libraries demand a key, the server none."""


def smolagents(*, code: bool) -> Run:
    """Return a ToolCallingAgent, or a CodeAgent, whose actions are Python."""
    from smolagents import CodeAgent, LogLevel, OpenAIServerModel, Tool, ToolCallingAgent

    def tool_of(said: Mapping[str, Any], desk: Desk) -> Any:
        class Lent(Tool):
            skip_forward_signature_validation = True
            name, description, output_type = said["name"], said["description"], "string"
            inputs = _inputs(said["parameters"])

            def forward(self, *given: Any, **arguments: Any) -> str:
                named = dict(zip(self.inputs, given, strict=False)) | arguments
                return desk.call(self.name, {k: v for k, v in named.items() if v is not None})

        return Lent()

    def run(task: dict[str, Any], desk: Desk) -> Ended:
        model = OpenAIServerModel(
            task["model"],
            api_base=task["base_url"],
            api_key=KEY,
            temperature=0,
            max_tokens=task["max_tokens"],
        )
        agent = (CodeAgent if code else ToolCallingAgent)(
            tools=[tool_of(said, desk) for said in task["tools"]],
            model=model,
            instructions=task["system"],
            max_steps=task["max_steps"],
            verbosity_level=LogLevel.OFF,
        )
        found = agent.run(task["user"], return_full_result=True)
        ok = found.state == "success"
        return Ended("ok" if ok else "failed", str(found.output), "" if ok else found.state)

    return run


def _inputs(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema's properties as smolagents wants them: with a type and a description."""
    required = parameters.get("required", ())
    return {
        name: {"type": "any", "description": name, **schema}
        | ({} if name in required else {"nullable": True})
        for name, schema in parameters.get("properties", {}).items()
    }


def langchain() -> Run:
    """Return LangChain's `create_agent`, a graph of langgraph."""
    from langchain.agents import create_agent
    from langchain_core.tools import StructuredTool
    from langchain_openai import ChatOpenAI

    def tool_of(said: Mapping[str, Any], desk: Desk) -> Any:
        return StructuredTool(
            name=said["name"],
            description=said["description"],
            args_schema=said["parameters"],
            func=lambda **arguments: desk.call(said["name"], arguments),
        )

    def run(task: dict[str, Any], desk: Desk) -> Ended:
        model = ChatOpenAI(
            model=task["model"],
            base_url=task["base_url"],
            api_key=KEY,
            temperature=0,
            max_tokens=task["max_tokens"],
        )
        tools = [tool_of(said, desk) for said in task["tools"]]
        agent = create_agent(model, tools, system_prompt=task["system"])
        # a step of ours is two of the graph's: the model, then its tools
        limit = {"recursion_limit": 2 * task["max_steps"] + 1}
        found = agent.invoke({"messages": [{"role": "user", "content": task["user"]}]}, limit)
        return Ended("ok", str(found["messages"][-1].content))

    return run


def autogen() -> Run:
    """Return AutoGen's AssistantAgent."""
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.messages import TextMessage
    from autogen_core.tools import BaseTool, ToolSchema
    from autogen_ext.models.openai import OpenAIChatCompletionClient
    from pydantic import BaseModel

    class Arguments(BaseModel):
        pass

    class Lent(BaseTool[Arguments, str]):
        def __init__(self, said: Mapping[str, Any], desk: Desk) -> None:
            super().__init__(Arguments, str, said["name"], said["description"])
            self._parameters, self._desk = said["parameters"], desk

        @property
        def schema(self) -> ToolSchema:
            return ToolSchema(
                name=self.name, description=self.description, parameters=self._parameters
            )

        async def run(self, args: Arguments, cancellation_token: Any) -> str:
            raise NotImplementedError("run_json is called")

        async def run_json(self, args: Mapping[str, Any], *_: Any, **__: Any) -> str:
            return self._desk.call(self.name, args)

    async def play(task: dict[str, Any], desk: Desk) -> Ended:
        client = OpenAIChatCompletionClient(
            model=task["model"],
            base_url=task["base_url"],
            api_key=KEY,
            temperature=0,
            max_tokens=task["max_tokens"],
            model_info={
                "vision": False,
                "function_calling": True,
                "json_output": True,
                "structured_output": True,
                "family": "unknown",
            },
        )
        agent = AssistantAgent(
            "assistant",
            model_client=client,
            tools=[Lent(said, desk) for said in task["tools"]],
            system_message=task["system"],
            max_tool_iterations=task["max_steps"],
        )
        last = (await agent.run(task=task["user"])).messages[-1]
        await client.close()
        if isinstance(last, TextMessage):
            return Ended("ok", last.content)
        return Ended("failed", "", f"it ends with a {type(last).__name__}, without an answer")

    return lambda task, desk: asyncio.run(play(task, desk))


def effgen() -> Run:
    """Return effGen's Agent; the probe of the server, 8 requests, is off."""
    os.environ["EFFGEN_CAPABILITY_PROBE"] = "0"
    from effgen import Agent, AgentConfig
    from effgen.tools.base_tool import (
        BaseTool,
        ParameterSpec,
        ParameterType,
        ToolCategory,
        ToolMetadata,
    )

    def parameter(name: str, schema: Mapping[str, Any], *, required: bool) -> Any:
        kind = {"number": "float"}.get(schema.get("type", "any"), schema.get("type", "any"))
        return ParameterSpec(
            name=name,
            type=ParameterType(kind),
            description=schema.get("description", name),
            required=required,
            enum=schema.get("enum"),
            pattern=schema.get("pattern"),
        )

    class Lent(BaseTool):
        def __init__(self, said: Mapping[str, Any], desk: Desk, *, writes: bool) -> None:
            schema = said["parameters"]
            required = schema.get("required", ())
            specs = [
                parameter(name, part, required=name in required)
                for name, part in schema.get("properties", {}).items()
            ]
            super().__init__(
                ToolMetadata(
                    name=said["name"],
                    description=said["description"],
                    category=ToolCategory.SYSTEM if writes else ToolCategory.INFORMATION_RETRIEVAL,
                    parameters=specs,
                )
            )
            self._desk = desk

        async def _execute(self, **arguments: Any) -> str:
            given = {name: value for name, value in arguments.items() if value is not None}
            return self._desk.call(self.name, given)

    def run(task: dict[str, Any], desk: Desk) -> Ended:
        agent = Agent(
            AgentConfig(
                name="assistant",
                model=task["model"],
                base_url=task["base_url"],
                api_key=KEY,
                tools=[
                    Lent(said, desk, writes=said["name"] in task["writes"])
                    for said in task["tools"]
                ],
                system_prompt=task["system"],
                max_iterations=task["max_steps"],
                temperature=0.0,
                max_tokens=task["max_tokens"],
            )
        )
        found = agent.run(task["user"])
        return Ended(
            "ok" if found.success else "failed", str(found.output), found.stop_reason or ""
        )

    return run


RUNS = {
    "smolagents": lambda: smolagents(code=False),
    "smolagents-code": lambda: smolagents(code=True),
    "langchain": langchain,
    "autogen": autogen,
    "effgen": effgen,
}
