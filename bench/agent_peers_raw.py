"""The raw loops that libraries are compared with, on chat completions and the standard library.

`raw` is the plain ReAct loop (Yao et al. 2023) as tutorials write it: tools as JSON Schemas in the
prompt, Thought, Action and Action Input as text, read with two regular expressions. `raw-tools` is
the loop over the server's own tool calls. Neither checks, retries or repairs anything.
"""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

from agent_peers_worker import Desk, Ended

REACT = """{system}

You have these tools:
{tools}

Use this format:
Thought: what to do next
Action: the name of a tool
Action Input: its arguments as JSON

The result follows as Observation. When all is done, write instead:
Thought: all is done
Final Answer: one short sentence"""
_ACTION = re.compile(r"Action:[ \t]*(\S+)\s*Action Input:\s*", re.IGNORECASE)
_FINAL = re.compile(r"Final Answer:\s*(.*)", re.IGNORECASE | re.DOTALL)
_UNREAD = "Observation: no Action and Action Input, and no Final Answer"


def react(task: dict[str, Any], desk: Desk) -> Ended:
    """Play the text loop."""
    tools = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in task["tools"])
    messages = [
        {"role": "system", "content": REACT.format(system=task["system"], tools=tools)},
        {"role": "user", "content": task["user"]},
    ]
    names = {tool["name"] for tool in task["tools"]}
    for _ in range(task["max_steps"]):
        said = _ask(task, messages, stop=["Observation:"])["content"] or ""
        action, final = _ACTION.search(said), _FINAL.search(said)
        if final and not (action and action.start() < final.start()):
            return Ended("ok", final[1].strip())
        told = _UNREAD if action is None else f"Observation: {_acted(said, action, names, desk)}"
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": told}]
    return _no_end(task)


def _acted(said: str, action: re.Match[str], names: set[str], desk: Desk) -> str:
    if action[1] not in names:
        return f"Error: there is no tool {action[1]}"
    try:
        arguments, _ = json.JSONDecoder().raw_decode(said, action.end())
    except ValueError as error:
        return f"Error: Action Input is not JSON: {error}"
    if not isinstance(arguments, dict):
        return "Error: Action Input is not a JSON object"
    return desk.call(action[1], arguments)


def tool_calls(task: dict[str, Any], desk: Desk) -> Ended:
    """Play the loop over the server's tool calls; text without a call ends it."""
    offers = [{"type": "function", "function": tool} for tool in task["tools"]]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": task["system"]},
        {"role": "user", "content": task["user"]},
    ]
    for _ in range(task["max_steps"]):
        said = _ask(task, messages, tools=offers)
        messages.append(said)
        if not said.get("tool_calls"):
            return Ended("ok", said.get("content") or "")
        for call in said["tool_calls"]:
            asked = call["function"]
            try:
                told = desk.call(asked["name"], json.loads(asked["arguments"] or "{}"))
            except (ValueError, TypeError) as error:
                told = f"Error: the arguments are not a JSON object: {error}"
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": told})
    return _no_end(task)


def _no_end(task: dict[str, Any]) -> Ended:
    return Ended("failed", "", f"no end after {task['max_steps']} steps")


def _ask(task: dict[str, Any], messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the message of one chat completion."""
    body = {
        "model": task["model"],
        "messages": messages,
        "temperature": 0,
        "max_tokens": task["max_tokens"],
        **more,
    }
    request = urllib.request.Request(
        f"{task['base_url']}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)["choices"][0]["message"]
    return found


RUNS = {"raw": react, "raw-tools": tool_calls}
