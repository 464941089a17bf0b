"""Write a form with a pen: structure as fixed text, slots by what the engine decides.

One walk serves every use: filling, filling again in part (what stands is copied), showing examples
to a model (everything is copied), so the text a model is shown, trained on and made to write is the
same by construction. Whatever the engine says, a value that breaks its schema is drawn again or
ends the walk with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rung.core.seeds import stream
from rung.forms.decisions import taken
from rung.forms.drafts import readings
from rung.forms.drive import Work
from rung.forms.express import inexpressible, resembles
from rung.forms.extract import chunks_of, invented
from rung.forms.form import (
    UNKNOWN,
    Choice,
    Const,
    Decision,
    Form,
    Node,
    Object,
    Repeat,
    Union,
    Value,
    is_within,
    join_path,
)
from rung.forms.layout import Layout, json_text
from rung.forms.leads import behind_lead, lead
from rung.forms.lines import is_raw, line_text, raw_regex
from rung.forms.pen import Draw, Judge, Pen, Scores
from rung.forms.presence import next_parts
from rung.forms.validity import violations

RETRY_TEMPERATURE = 0.7
NOTHING: Any = object()
"""Stands for a value that is not there (null is one)."""

Decide = Callable[[str, Sequence[Any], Scores], tuple[int, Decision | None] | None]
"""(path, options, scores) -> the winner and how sure; None when the scores decide nothing."""


class Unfilled(Exception):
    """A slot that no attempt could fill; carries the reason."""


class Abstained(Exception):
    """A slot the model would rather not fill; carries its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much the engine may spend on a slot."""

    max_tokens: int = 256
    retries: int = 1
    temperature: float = 0.0
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class Walk:
    """One pass over a form. `known` values are written, not asked, by the path of the slot."""

    form: Form
    pen: Pen
    decide: Decide
    limits: Limits = field(default_factory=Limits)
    known: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    """The input, which extractive slots copy from."""
    redo: frozenset[str] = frozenset()
    """With an earlier output: the paths that are filled again; the rest is copied."""
    decisions: dict[str, Decision] = field(default_factory=dict)
    repaired: bool = False

    def run(self, earlier: Any = NOTHING) -> Work[Any]:
        """Write the form; return its value. Raises Unfilled or Abstained."""
        if self.form.style == "lines":
            return (yield from self._lines(self.form.root, earlier))
        return (yield from self._node(self.form.root, "", (), 0, earlier))

    def _lines(self, node: Node, earlier: Any) -> Work[Any]:
        """Write an object as `path: value` lines; constants are put in without being written."""
        if isinstance(node, Const):
            return node.value
        if isinstance(node, Object):
            output: dict[str, Any] = {}
            for name, part in node.parts:
                output[name] = yield from self._lines(part, _inside(earlier, name))
            return output
        return (yield from self._line(node, earlier))

    def _line(self, node: Node, earlier: Any) -> Work[Any]:
        self.pen.write(f"{node.path}: ")
        if self._asks_again(node.path):
            earlier = NOTHING
        given = self.known.get(node.path, earlier)
        if given is not NOTHING:
            self.pen.write(line_text(node, given))
            value = given
        elif isinstance(node, Choice):
            value = yield from self._choice(node, node.path, ("\n",))
        else:
            assert isinstance(node, Value)
            value = yield from self._value(node, node.path, ("\n",))
        self.pen.write("\n")
        return value

    def only(self, path: str) -> Work[Any]:
        """Write one slot as if it were the first of its object; return its value."""
        node: Node = self.form.root
        depth, at = 0, ""
        while isinstance(node, Object) and self.form.style != "lines":
            name, part = next(
                (name, part) for name, part in node.parts if is_within(path, join_path(at, name))
            )
            self.pen.write(self._layout.open("{", depth) + self._layout.key(name))
            node, depth, at = part, depth + 1, join_path(at, name)
        if self.form.style == "lines":
            slot = next(slot for slot in self.form.slots() if slot.path == path)
            return (yield from self._line(slot, NOTHING))
        after = (self._layout.between(depth - 1), self._layout.close("}", depth - 1))
        return (yield from self._node(node, path, after, depth, NOTHING))

    @property
    def _layout(self) -> Layout:
        return Layout(indented=self.form.style == "indented")

    def _node(
        self, node: Node, path: str, after: Sequence[str], depth: int, earlier: Any
    ) -> Work[Any]:
        """Write one node that one of `after` follows; `path` is where it stands in the value."""
        if path in self.redo or (isinstance(node, Choice | Value) and self._asks_again(path)):
            earlier = NOTHING
        if isinstance(node, Const):
            return self._copy(node.value)
        if path in self.known:
            return self._copy(self.known[path])
        if earlier is not NOTHING and not _is_of_kind(node, earlier):
            return self._copy(earlier)
        if isinstance(node, Object):
            return (yield from self._object(node, path, after, depth, earlier))
        if isinstance(node, Repeat):
            return (yield from self._repeat(node, path, after, depth, earlier))
        if isinstance(node, Union):
            return (yield from self._union(node, path, after, depth, earlier))
        if earlier is not NOTHING:
            return self._copy(earlier)
        if isinstance(node, Choice):
            return (yield from self._choice(node, path, after))
        return (yield from self._value(node, path, after))

    def _asks_again(self, path: str) -> bool:
        """Return whether something inside a slot broke the schema."""
        return any(is_within(broken, path) for broken in self.redo)

    def _copy(self, value: Any) -> Any:
        self.pen.write(json_text(value))
        return value

    def _object(
        self, node: Object, path: str, after: Sequence[str], depth: int, earlier: Any
    ) -> Work[dict[str, Any]]:
        output: dict[str, Any] = {}
        at = 0
        closing = self._close("}", depth, after)
        while True:
            options = next_parts(node, at, output)
            if earlier is not NOTHING:
                options = _as_before(node, options, earlier)
            texts = [self._part_text(node, i, bool(output), depth) for i in options]
            names = [None if i is None else node.parts[i][0] for i in options]
            follows = [after if i is None else () for i in options]
            chosen = yield from self._which(texts, follows, names, f"{path}?")
            taken = options[chosen]
            if taken is None:
                return output
            at = taken
            name, part = node.parts[at]
            following = next_parts(node, at + 1, {**output, name: None})
            tails = [self._part_text(node, i, True, depth) for i in following if i is not None]
            tails += closing if None in following else []
            output[name] = yield from self._node(
                part, join_path(path, name), tails, depth + 1, _inside(earlier, name)
            )
            at += 1

    def _part_text(self, node: Object, at: int | None, some: bool, depth: int) -> str:
        """Return what goes before part `at`, or what closes the object where it is None."""
        layout = self._layout
        if at is None:
            return layout.close("}", depth) if some else layout.empty
        before = layout.between(depth) if some else layout.open("{", depth)
        return before + layout.key(node.parts[at][0])

    def _close(self, bracket: str, depth: int, after: Sequence[str]) -> list[str]:
        """Return the closing bracket with each of the texts that may come behind it."""
        closing = self._layout.close(bracket, depth)
        return [closing + text for text in after] or [closing]

    def _which(
        self,
        texts: Sequence[str],
        after: Sequence[Sequence[str]],
        names: Sequence[Any],
        path: str,
    ) -> Work[int]:
        """Write the only text there is, or the one the engine decides on."""
        if len(texts) == 1:
            self.pen.write(texts[0])
            return 0
        return (yield from self.pen.choose(texts, after, self._judge(path, names)))

    def _judge(self, path: str, options: Sequence[Any]) -> Judge:
        def judge(scores: Scores) -> int:
            decided = self.decide(path, options, scores)
            if decided is None and scores.said:
                raise Unfilled(f"{path}: the model chose {scores.said[:80]!r}")
            if decided is None:
                raise Unfilled(f"{path}: the engine's scores are not usable")
            winner, decision = decided
            if decision is not None:
                if self.limits.temperature > 0:
                    winner = self._sample(path, decision)
                    decision = taken(decision, list(decision.probabilities)[winner])
                self.decisions[path] = decision
            return winner

        return judge

    def _sample(self, path: str, decision: Decision) -> int:
        """Draw an option instead of taking the likeliest: the one before broke the schema."""
        most = max(decision.probabilities.values())
        weights = [
            (p / most) ** (1 / self.limits.temperature) for p in decision.probabilities.values()
        ]
        random = stream(self.limits.seed, path)
        return random.choices(range(len(weights)), weights)[0]

    def _repeat(
        self, node: Repeat, path: str, after: Sequence[str], depth: int, earlier: Any
    ) -> Work[list[Any]]:
        layout, output = self._layout, list[Any]()
        closing = self._close("]", depth, after)
        while True:
            count = len(output)
            before = layout.between(depth) if output else layout.open("[", depth)
            more = before + lead(node.item, layout, depth + 1)
            done = layout.close("]", depth) if output else "[]"
            stop, go = count >= node.low, count < node.soft_high
            if earlier is not NOTHING:
                go = count < len(earlier)
                stop = not go
            texts = [text for text, wanted in ((more, go), (done, stop)) if wanted]
            if len(texts) == 1:
                goes_on = go
            else:
                judge = self._judge(f"{path}#{count}", [True, False])
                follows = (behind_lead(node.item, layout, depth + 1, ()), after)
                goes_on = not (yield from self.pen.choose(texts, follows, judge, write=False))
            if not goes_on:
                self.pen.write(done)
                return output
            self.pen.write(before)
            tails = [layout.between(depth)] if count + 1 < node.soft_high else []
            tails += closing if count + 1 >= node.low else []
            item = yield from self._node(
                node.item, f"{path}[{count}]", tails, depth + 1, _inside(earlier, count)
            )
            output.append(item)

    def _union(
        self, node: Union, path: str, after: Sequence[str], depth: int, earlier: Any
    ) -> Work[Any]:
        if earlier is not NOTHING:
            exact = (arm for arm in node.arms if not inexpressible(arm, earlier))
            close = (arm for arm in node.arms if resembles(arm, earlier))
            arm = next(exact, None) or next(close, node.arms[0])
            return (yield from self._node(arm, path, after, depth, earlier))
        texts = [lead(arm, self._layout, depth) for arm in node.arms]
        judge = self._judge(f"{path}|", texts)
        follows = [behind_lead(arm, self._layout, depth, after) for arm in node.arms]
        chosen = yield from self.pen.choose(texts, follows, judge, write=False)
        return (yield from self._node(node.arms[chosen], path, after, depth, NOTHING))

    def _choice(self, slot: Choice, path: str, after: Sequence[str]) -> Work[Any]:
        options = [self._text(slot, value) for value in slot.options]
        judge = self._judge(path, slot.options)
        chosen = yield from self.pen.choose(options, [after] * len(options), judge)
        value = slot.options[chosen]
        if slot.abstains and value == UNKNOWN:
            raise Abstained(path)
        return value

    def _text(self, slot: Choice | Value, value: Any) -> str:
        return line_text(slot, value) if self.form.style == "lines" else json_text(value)

    def _value(self, slot: Value, path: str, after: Sequence[str]) -> Work[Any]:
        """Draw a value; one that breaks its schema is drawn again, warmer each time."""
        raw = self.form.style == "lines" and is_raw(slot)
        opening = "" if raw else slot.opening
        self.pen.write(opening)
        mark = self.pen.mark()
        for attempt in range(self.limits.retries + 1):
            drawn = yield from self.pen.draw(self._draw_of(slot, attempt, raw), after)
            problem = ""
            said = json_text(drawn.text.strip()) if raw else drawn.text
            for value in readings(slot, said, cut=drawn.cut, broken=drawn.broken):
                problem = self._problem(value, slot)
                if not problem:
                    self.repaired |= attempt > 0 or drawn.cut
                    if self._text(slot, value) != drawn.text:
                        self.pen.rewind(mark)
                        self.pen.write(self._text(slot, value)[len(opening) :])
                    return value
            if drawn.cut:
                problem = f"cut at {self.limits.max_tokens} tokens; {problem}".rstrip("; ")
            problem = problem or f"the model wrote {drawn.text[:80]!r}"
            self.pen.rewind(mark)
        raise Unfilled(f"{path or '$'}: {problem}")

    def _draw_of(self, slot: Value, attempt: int, raw: bool) -> Draw:
        limits = self.limits
        extractive = slot.extractive and bool(self.source) and (raw or slot.is_free)
        return Draw(
            regex=raw_regex(slot) if raw else (slot.drawn_regex or slot.regex)[len(slot.opening) :],
            json_schema=slot.json_schema,
            chunks=chunks_of(self.source, raw=raw) if extractive else (),
            nullable=slot.nullable,
            opening="" if raw else slot.opening,
            raw=raw,
            max_chars=slot.max_chars,
            max_items=slot.max_items,
            max_tokens=limits.max_tokens,
            temperature=max(limits.temperature, RETRY_TEMPERATURE if attempt else 0.0),
            seed=limits.seed + attempt,
        )

    def _problem(self, value: Any, slot: Value) -> str:
        for _, text in invented(slot, value, self.source):
            return f"{text!r} does not stand in the input"
        problems = violations(value, slot.schema)
        return problems[0].message if problems else ""


def _is_of_kind(node: Node, value: Any) -> bool:
    """Return whether a value has parts where the node has."""
    if isinstance(node, Object):
        return isinstance(value, Mapping)
    return not isinstance(node, Repeat) or isinstance(value, list)


def _inside(earlier: Any, key: str | int) -> Any:
    """Return the part of an earlier value under a key, or NOTHING."""
    if isinstance(earlier, Mapping):
        return earlier.get(key, NOTHING)
    if isinstance(earlier, list) and isinstance(key, int) and key < len(earlier):
        return earlier[key]
    return NOTHING


def _as_before(node: Object, options: Sequence[int | None], earlier: Any) -> list[int | None]:
    """Return the one continuation that an earlier value took."""
    names = earlier if isinstance(earlier, Mapping) else {}
    for option in options:
        if option is not None and node.parts[option][0] in names:
            return [option]
    return [None] if None in options else [options[0]]
