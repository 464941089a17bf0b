"""Which part of an object may come next: optional ones may be left out, within the rules.

The model decides between keys, in the form's order; what the rules of the schema on presence
(`required`, `minProperties`, `maxProperties`, `dependentRequired`, `anyOf` of `required`) leave no
choice about is not asked. A part is offered only where the rules can still be met behind it, so
there are no dead ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rung.forms.form import Object

_MAX_TRIES = 200


def next_parts(node: Object, at: int, written: Collection[str]) -> list[int | None]:
    """Return the parts that may come next, from `at` on; None stands for the object's end.

    The list is empty only where no set of parts is allowed at all.
    """
    names = [name for name, _ in node.parts]
    options: list[int | None] = []
    for i in range(at, len(names)):
        if _can_be_met(node, {*written, names[i]}, names[i + 1 :]):
            options.append(i)
        if names[i] not in node.optional:
            return options
    return [*options, None] if _can_be_met(node, set(written), ()) else options


def _can_be_met(node: Object, written: set[str], later: Sequence[str]) -> bool:
    """Return whether what is written and some of what may come later satisfy the rules."""
    if not node.min_parts and node.max_parts is None and not node.needs and not node.any_of:
        return True
    reachable = written.union(later)
    if node.needs:
        reachable = _supported(node, reachable)
    must = written.union(name for name in later if name not in node.optional)
    for rule in node.any_of or (frozenset[str](),):
        smallest = _closed(node, must | rule)
        if smallest <= reachable and _some_size_fits(node, smallest, reachable):
            return True
    return False


def _supported(node: Object, names: set[str]) -> set[str]:
    """Return the names all of whose needs are among them."""
    while True:
        kept = {name for name in names if names.issuperset(node.needs.get(name, ()))}
        if len(kept) == len(names):
            return kept
        names = kept


def _closed(node: Object, names: set[str] | frozenset[str]) -> set[str]:
    """Return the names and all that they need."""
    found, waiting = set(names), list(names)
    while waiting:
        more = set(node.needs.get(waiting.pop(), ())) - found
        found |= more
        waiting += more
    return found


def _some_size_fits(node: Object, smallest: set[str], reachable: set[str]) -> bool:
    """Return whether a set between these two, closed under needs, has a size that is allowed."""
    most = len(reachable) if node.max_parts is None else node.max_parts
    if len(smallest) > most or len(reachable) < node.min_parts:
        return False
    if len(reachable) <= most or len(smallest) >= node.min_parts:
        return True
    waiting, seen = [smallest], set[frozenset[str]]()
    while waiting and len(seen) < _MAX_TRIES:  # what is not found in time is not offered
        names = waiting.pop()
        for name in sorted(reachable - names):
            larger = _closed(node, {*names, name})
            if node.min_parts <= len(larger) <= most:
                return True
            if len(larger) < node.min_parts and frozenset(larger) not in seen:
                seen.add(frozenset(larger))
                waiting.append(larger)
    return False
