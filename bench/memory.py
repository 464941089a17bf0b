"""What remembering earlier conversations does to an agent: the same requests with and without it.

    python bench/memory.py [--model NAME] [--limit 24] [--arm NAME]…

Generated customers talk in two conversations, state facts among chatter, correct some, and ask in
a third for something that only those facts decide; a quarter of the statements are worded as no
rule knows. Five tools, one right call a request. Arms are those of `bench/worlds.py`: the raw model
on a blank page, the agent, and the agent with memory; differences are paired. Beside them stands
how often the right value was among what was recalled: the model can do no better. Answers are kept
in the store of RUNG_HOME; the task `memory-desk` is made there. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from worlds import print_breakdown, print_pairs, run

from rung.agents.memory import Memory
from rung.core.config import home
from rung.engines.catalogue import DEFAULT_MODEL
from rung.flow.session import open_session
from rung.routes.remembering import Remembering
from rung.stats.intervals import wilson
from rung.tasks.task import Example

NAME = "memory-desk"
NUM = {"train": 24, "dev": 60, "holdout": 6}
ARMS = ("blank", "agent", "agent+memory")
UNKNOWN_SHARE, CORRECTED_SHARE = 0.25, 0.3
CHATTER = ("Hello!", "Is the shop open on Sunday?", "Thank you.", "It rains again.", "One moment.")
FORM = {
    "type": "object",
    "properties": {
        "calls": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"tool": {"type": "string"}, "arguments": {"type": "object"}},
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["calls"],
    "additionalProperties": False,
}
WORLD = '''"""A service desk: one tool for each thing that a customer may want."""

from rung.worlds.user_world import Kind, Row, Tables, TableWorld, Toolbox

desk = Toolbox()


@desk.tool(writes=True)
def send_parcel(tables: Tables, city: str) -> Row:
    """Send the parcel to the city where the customer lives."""
    return tables.add("orders", {"city": city})


@desk.tool(writes=True)
def order_shoes(tables: Tables, size: str) -> Row:
    """Order shoes in the customer's shoe size."""
    return tables.add("orders", {"size": size})


@desk.tool(writes=True)
def order_menu(tables: Tables, without: str) -> Row:
    """Order a menu without what the customer is allergic to."""
    return tables.add("orders", {"without": without})


@desk.tool(writes=True)
def order_toner(tables: Tables, printer: str) -> Row:
    """Order toner for the customer's printer."""
    return tables.add("orders", {"printer": printer})


@desk.tool(writes=True)
def call_back(tables: Tables, number: str) -> Row:
    """Call the customer back on their phone number."""
    return tables.add("orders", {"number": number})


WORLD = TableWorld(
    name="memory-desk",
    brief="You serve customers of a shop. What is known of them from before is told first.",
    toolbox=desk,
    kinds={"orders": Kind(noun="order", prefix="O")},
    rows={},
)
'''


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A fact that customers state, and the request it decides."""

    tool: str
    argument: str
    states: tuple[str, ...]
    unknown: str
    """A wording that no rule knows."""
    corrects: str
    asks: tuple[str, ...]
    values: tuple[str, ...]


TOPICS = (
    Topic(
        tool="send_parcel",
        argument="city",
        states=("I live in {}.", "My home is in {}."),
        unknown="{} is the town for me.",
        corrects="I have moved to {}.",
        asks=("Please send the parcel to where I live.", "Send my parcel to my home, please."),
        values=("Lisbon", "Graz", "Turku", "Porto", "Ghent", "Malaga"),
    ),
    Topic(
        tool="order_shoes",
        argument="size",
        states=("My shoe size is {}.", "My shoe size is {}, by the way."),
        unknown="In shoes I take {}.",
        corrects="Sorry, my shoe size is {}.",
        asks=("Order the running shoes in my size.", "I want those shoes in my shoe size."),
        values=("38", "39", "41", "43", "45"),
    ),
    Topic(
        tool="order_menu",
        argument="without",
        states=("I am allergic to {}.", "Mind that I'm allergic to {}!"),
        unknown="With {} I end up in hospital.",
        corrects="No, I am allergic to {}.",
        asks=("Order lunch for me, without what I am allergic to.", "A menu that fits my allergy!"),
        values=("peanuts", "milk", "soy", "celery", "shrimps"),
    ),
    Topic(
        tool="order_toner",
        argument="printer",
        states=("My printer is a {}.", "I have a {} as my printer."),
        unknown="The thing on my desk says {}.",
        corrects="My printer is a {} now.",
        asks=("I need toner for my printer.", "Order the right toner for my printer."),
        values=("LaserJet 1020", "EcoTank 2850", "Pixma G650", "Brother HL5"),
    ),
    Topic(
        tool="call_back",
        argument="number",
        states=("My phone number is {}.", "My number is {}."),
        unknown="Ring {} if need be.",
        corrects="My phone number is now {}.",
        asks=("Please call me back on my phone.", "Call my number, please."),
        values=("0171 220431", "0660 918273", "040 551772", "0421 33120"),
    ),
)


def make() -> Path:
    """Write the task folder, unless it is there."""
    folder = home() / "tasks" / NAME
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    (folder / "task.toml").write_text(
        f'name = "{NAME}"\ntitle = "Service desk"\nworld = "world.py"\n'
        'instruction = "Do what the customer asks with one tool, then finish."\n'
    )
    (folder / "form.json").write_text(json.dumps(FORM))
    (folder / "world.py").write_text(WORLD)
    random = Random(11)
    rows = [row(split, at, random) for split, number in NUM.items() for at in range(number)]
    (folder / "examples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return folder


def row(split: str, number: int, random: Random) -> dict[str, Any]:
    """Return one customer's example; customers of one topic are one group in each split."""
    topic, *others = random.sample(TOPICS, 3)
    value = random.choice(topic.values)
    unknown = random.random() < UNKNOWN_SHARE
    said = [(topic.unknown if unknown else random.choice(topic.states)).format(value)]
    later = []
    if random.random() < CORRECTED_SHARE:
        value = random.choice([one for one in topic.values if one != value])
        later = [topic.corrects.format(value)]
    for other in others:
        said.append(random.choice(other.states).format(random.choice(other.values)))
    earlier = [said + random.sample(CHATTER, 2), later + random.sample(CHATTER, 2)]
    for turns in earlier:
        random.shuffle(turns)
    return {
        "id": f"{split}-{number}",
        "group": f"{split}-{topic.tool}-{number}",
        "split": split,
        "input": f"{random.choice(topic.asks)} This is request {split} {number}.",
        "target": {"calls": [{"tool": topic.tool, "arguments": {topic.argument: value}}]},
        "earlier": earlier,
    }


def recalled(remembering: Remembering, example: Example) -> bool:
    """Return whether the right value is among what is told of a customer."""
    (value,) = example.target["calls"][0]["arguments"].values()
    memory: Memory = remembering.of(example)
    return any(value in fact.value for fact in memory.recall(example.input))


def main() -> None:
    """Measure the arms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=24)
    parser.add_argument("--arm", action="append")
    given = parser.parse_args()
    given.split, given.samples, given.arm = "dev", 1, given.arm or list(ARMS)
    make()
    with open_session(NAME) as session:
        print(f"{NAME}, {given.model}, load {os.getloadavg()[0]:.2f}")
        arms = run(session, given)
        asked = {row.example for arm in arms for row in arm.rows}
        dev = [one for one in session.task.dev if one.id in asked]
        hits = sum(recalled(session.runtime.remembering, one) for one in dev)
        low, high = wilson(hits, len(dev))
        print(f"right value recalled: {hits} of {len(dev)} [{low:.3f}, {high:.3f}]")
        print_pairs(arms)
        print_breakdown(session, arms)


if __name__ == "__main__":
    main()
