"""How often what was said is at hand when it is asked for: memory, the window alone, nothing.

A generated set: customers talk in several conversations, state facts in wordings of which not all
are ones the rules know, correct some, and ask in other words later. Each question has one right
value; a superseded one counts as stale. The counts are those that docs/architecture.md reports: who
changes a rule measures them anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from rung.agents.memory import Memory
from rung.agents.memory_records import Turn
from rung.store import Store

pytestmark = pytest.mark.slow

K = 3
NUM_CUSTOMERS = 30
NUM_CONVERSATIONS = 4


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Something customers state and ask for."""

    states: tuple[str, ...]
    corrects: str
    asks: tuple[str, ...]
    values: tuple[str, ...]
    adds: bool = False
    """Whether what is called a correction adds a value."""


TOPICS = (
    Topic(
        states=("My account number is {}.", "the account number: {}", "account {} by the way"),
        corrects="Actually my account number is {}.",
        asks=("Which account of mine is it?", "Charge my account please."),
        values=("AC-1041", "AC-2077", "AC-3310", "AC-4983"),
    ),
    Topic(
        states=("I live in {}.", "I moved to {} last year.", "{} is where I live."),
        corrects="I have moved to {}.",
        asks=("Which branch is near my home?", "Where do I live?"),
        values=("Lisbon", "Graz", "Turku", "Porto"),
    ),
    Topic(
        states=("My printer is a {}.", "I use a {} for printing.", "the printer here's a {}"),
        corrects="We changed: my printer is a {} now.",
        asks=("The printer jams again.", "Which toner does my printer need?"),
        values=("LaserJet 1020", "EcoTank 2850", "Pixma G650", "Brother HL5"),
    ),
    Topic(
        states=("I'm allergic to {}.", "Mind that I'm allergic to {}!", "{} make me ill."),
        corrects="I'm also allergic to {}.",
        asks=("What should the kitchen avoid?", "Put together a lunch for me."),
        values=("peanuts", "shrimps", "almonds", "sesame"),
        adds=True,
    ),
    Topic(
        states=("I prefer {}.", "I'd prefer {} for anything urgent.", "{} is best for me."),
        corrects="Actually I prefer {}.",
        asks=("How shall we contact the customer about the urgent change?",
              "Do you remember what I prefer?"),
        values=("text messages", "phone calls", "letters", "video calls"),
    ),
    Topic(
        states=("My daughter's name is {}.", "my daughter is called {}", "{}, my daughter, is 6."),
        corrects="Sorry, my daughter's name is {}.",
        asks=("Book a seat for my daughter.", "What is my daughter called?"),
        values=("Mia", "Noor", "Ida", "Juna"),
    ),
    Topic(
        states=("Please always {}.", "From now on {}.", "You should {} every time."),
        corrects="From now on {}.",
        asks=("Send the parcel.", "Anything to keep in mind for the delivery?"),
        values=("ring twice", "use the back door", "leave parcels next door", "call ahead"),
    ),
    Topic(
        states=("My order number is {}.", "It's about order {}.", "Ref {} it was."),
        corrects="No, the order number is {}.",
        asks=("Where is my order?", "Has the order left the warehouse?"),
        values=("OR-55121", "OR-60233", "OR-71344", "OR-82455"),
    ),
)  # fmt: skip
CHATTER = (
    "Thanks a lot.", "It still does not work.", "Is anybody there?", "My screen is black.",
    "No, thanks.", "Actually it's fine now.", "If my order is late, who pays?", "Good morning!",
    "He said my account is closed.", "Sorry, I don't understand.", "I'd like to speak to somebody.",
)  # fmt: skip


@dataclass(kw_only=True)
class Tally:
    """Questions, and how many of them had the right value at hand."""

    asked: int = 0
    window: int = 0
    memory: int = 0
    at_1: int = 0
    at_k: int = 0
    stale: int = 0
    """Questions to which a corrected value was recalled."""


@dataclass(kw_only=True)
class Counts:
    """What one run of the generated set gives."""

    stated: int = 0
    kept: int = 0
    same: Tally = field(default_factory=Tally)
    """Questions at the end of the conversation in which the fact was stated."""
    later: Tally = field(default_factory=Tally)
    """Questions in the next conversation."""


@dataclass(kw_only=True)
class Customer:
    """One customer, what holds of them now, and what they corrected."""

    owner: str
    random: Random
    topics: list[Topic]
    now: dict[Topic, str] = field(default_factory=dict)
    former: dict[Topic, str] = field(default_factory=dict)

    def lines(self, *, last: bool) -> list[tuple[Topic | None, str]]:
        """Return what is said in one conversation, with the topic each line states."""
        lines: list[tuple[Topic | None, str]] = [
            (None, line) for line in self.random.sample(CHATTER, 3)
        ]
        for topic in self.topics:
            if topic not in self.now and (last or self.random.random() < 0.4):
                self.now[topic] = self.random.choice(topic.values)
                wording = self.random.choice(topic.states)
            elif topic in self.now and topic not in self.former and self.random.random() < 0.2:
                self.former[topic] = self.now[topic]
                self.now[topic] = self.random.choice(
                    [value for value in topic.values if value != self.former[topic]]
                )
                wording = topic.corrects
            else:
                continue
            lines.append((topic, wording.format(self.now[topic])))
        self.random.shuffle(lines)
        return lines


def play(customer: Customer, store: Store, counts: Counts) -> None:
    """Let a customer talk in four conversations, and ask in the last of them and in a fifth."""
    for at in range(NUM_CONVERSATIONS):
        memory = Memory(store, task="t", owner=customer.owner, conversation=f"{at}")
        said = customer.lines(last=at == NUM_CONVERSATIONS - 1)
        for number, (topic, line) in enumerate(said):
            kept = memory.observe(Turn(number=2 * number, role="user", text=line))
            memory.observe(Turn(number=2 * number + 1, role="assistant", text="I see."))
            counts.stated += topic is not None
            counts.kept += topic is not None and any(customer.now[topic] in f.value for f in kept)
    for topic in dict.fromkeys(topic for topic, _ in said if topic is not None):
        ask(memory, customer, topic, counts.same)
    new = Memory(store, task="t", owner=customer.owner, conversation="new")
    for topic in customer.topics:
        ask(new, customer, topic, counts.later)


def ask(memory: Memory, customer: Customer, topic: Topic, tally: Tally) -> None:
    question, value = customer.random.choice(topic.asks), customer.now[topic]
    recalled = [value in fact.value for fact in memory.recall(question)]
    former = customer.former.get(topic)
    tally.asked += 1
    tally.window += any(value in turn.text for turn in memory.window.turns())
    tally.memory += any(recalled)
    tally.at_1 += any(recalled[:1])
    tally.at_k += any(recalled[:K])
    if former and not topic.adds:
        tally.stale += any(former in fact.value for fact in memory.recall(question))


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counts]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('recall') / 'm.db'}")
    counted, random = Counts(), Random(7)
    for number in range(NUM_CUSTOMERS):
        topics = random.sample(TOPICS, 5)
        customer = Customer(owner=f"customer-{number}", random=random, topics=topics)
        play(customer, store, counted)
    yield counted
    store.close()


def test_most_statements_are_kept(counts: Counts) -> None:
    assert (counts.kept, counts.stated) == (162, 202)


def test_memory_recalls_what_no_window_holds(counts: Counts) -> None:
    assert counts.later == Tally(asked=150, window=0, memory=118, at_1=103, at_k=117, stale=7)


def test_within_its_conversation_the_window_is_better(counts: Counts) -> None:
    assert (counts.same.asked, counts.same.window, counts.same.memory) == (47, 47, 37)
