"""An answer as the form would write it, for examples shown to a model and for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.core.records import Effort, Usage
from rung.forms.drive import Work, run
from rung.forms.form import Form, Node, Object, Repeat, Union, join_path
from rung.forms.pen import Draw, Drawn, Judge
from rung.forms.walk import Walk


def answer_json(form: Form, output: Any) -> str:
    """Return `output` exactly as the form would write it, by the walk that fills it.

    Names the form does not know are left out, and so are names that `output` does not have.
    """
    pen = _CopyPen()
    walk = Walk(form=replace(form, root=_loose(form.root)), pen=pen, decide=lambda *_: None)
    run(walk.run(output), lambda _: [])
    return pen.text


def slot_json(form: Form, path: str, output: Any) -> str:
    """Return the text of one slot as the form writes it when slots are filled side by side.

    `output` is the whole value; the slot is written as if it were the first of its object.
    """
    pen = _CopyPen()
    walk = Walk(form=form, pen=pen, decide=lambda *_: None, known={path: _at(output, path)})
    run(walk.only(path), lambda _: [])
    return pen.text


def _at(output: Any, path: str) -> Any:
    """Return the part of an object under a path of names."""
    for name, value in output.items() if isinstance(output, Mapping) else ():
        if path == join_path("", name):
            return value
        inner = join_path("", name) + "."
        if path.startswith(inner):
            return _at(value, path[len(inner) :])
    return None


class _CopyPen:
    """Writes what it is told; there is nothing to ask. Satisfies `Pen`."""

    max_forks = 0

    def __init__(self) -> None:
        self.text = ""
        self.usage = Usage()
        self.effort = Effort()

    def write(self, text: str) -> None:
        self.text += text

    def choose(
        self,
        options: Sequence[str],
        after: Sequence[Sequence[str]],
        judge: Judge,
        *,
        write: bool = True,
    ) -> Work[int]:
        raise AssertionError(f"everything is given, yet {options!r} were to be decided")

    def draw(self, draw: Draw, after: Sequence[str]) -> Work[Drawn]:
        raise AssertionError(f"everything is given, yet {draw!r} was to be drawn")

    def mark(self) -> int:
        return len(self.text)

    def rewind(self, mark: int) -> None:
        self.text = self.text[:mark]

    def fork(self, count: int) -> Work[list[Any]]:
        raise AssertionError("nothing is asked, so nothing is asked side by side")

    def close(self, *, keep: bool) -> None:
        """Nothing is held."""


def _loose(node: Node) -> Node:
    """Return the node with every part optional, so that an output may lack some."""
    if isinstance(node, Object):
        parts = tuple((name, _loose(part)) for name, part in node.parts)
        names = frozenset(name for name, _ in parts)
        return Object(path=node.path, parts=parts, optional=names)
    if isinstance(node, Repeat):
        return replace(node, item=_loose(node.item), low=0)
    if isinstance(node, Union):
        return replace(node, arms=tuple(map(_loose, node.arms)))
    return node
