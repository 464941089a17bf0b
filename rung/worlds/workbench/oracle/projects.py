"""Queries about project tasks: create, move and hand over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rung.worlds.workbench.clock import TODAY
from rung.worlds.workbench.oracle.episode import Episode, Stuck

Task = Mapping[str, str]
_TO_DO = ("Backlog", "In Progress")


def tasks_of(e: Episode, email: str, list_name: str = "") -> list[Task]:
    """Look up somebody's tasks, of one list or of all."""
    asked = {"list_name": list_name} if list_name else {}
    found = e.act("project_management.search_tasks", assigned_to_email=email, **asked)
    return found or []


def overdue_tasks(e: Episode, email: str, list_name: str) -> list[Task]:
    """Look up somebody's tasks of a list that should be done by now and are not."""
    if e.answers:
        found = e.ask("helper.overdue_tasks", assigned_to_email=email, list_name=list_name)
        return list(found)
    return [task for task in tasks_of(e, email, list_name) if is_overdue(task)]


def is_overdue(task: Task) -> bool:
    """Return whether a task should be done by now and is not."""
    return task["due_date"] < TODAY.isoformat() and task["list_name"] != "Completed"


def add(e: Episode, name: str, email: str, due: str, board: str) -> None:
    """Create a task in the backlog."""
    e.write(
        "project_management.create_task",
        task_name=name,
        assigned_to_email=email,
        list_name="Backlog",
        due_date=due,
        board=board,
    )


def move(source: str, target: str, *, overdue: bool = False) -> Callable[[Episode], None]:
    """Return the family that moves somebody's tasks from one list to another."""

    def solve(e: Episode) -> None:
        slots = e.slots()
        email = e.address(slots.get("name") or slots["name_1"])
        for task in (overdue_tasks if overdue else tasks_of)(e, email, source):
            _update(e, task, "list_name", target)

    return solve


def hand_over(source: str, *, overdue: bool = False) -> Callable[[Episode], None]:
    """Return the family that gives somebody's tasks of a list to somebody else."""

    def solve(e: Episode) -> None:
        slots = e.slots()
        email, other = e.address(slots["name_1"]), e.address(slots["name_2"])
        for task in (overdue_tasks if overdue else tasks_of)(e, email, source):
            _update(e, task, "assigned_to_email", other)

    return solve


def create(e: Episode) -> None:
    """Create a task that the query spells out."""
    slots = e.slots()
    due = e.day(slots["natural_language_due_date"])
    email = e.address(slots["name"])
    add(e, slots["task_name"], email, due.isoformat(), slots["board"])


def hand_over_most_urgent(e: Episode) -> None:
    """Give the task still to be worked on that is due first to somebody else."""
    slots = e.slots()
    email, other = e.address(slots["name_1"]), e.address(slots["name_2"])
    if e.answers:
        left = e.ask("helper.most_urgent_task", assigned_to_email=email)
    else:
        left = [task for task in tasks_of(e, email) if task["list_name"] in _TO_DO]
    if not left:
        raise Stuck("no task is left")
    _update(e, min(left, key=lambda task: task["due_date"]), "assigned_to_email", other)


def _update(e: Episode, task: Task, field: str, value: str) -> None:
    e.write("project_management.update_task", task_id=task["task_id"], field=field, new_value=value)


FAMILIES: dict[str, Callable[[Episode], Any]] = {
    "project_management-t00": move("In Progress", "In Review"),
    "project_management-t01": create,
    "project_management-t02": move("Backlog", "In Progress", overdue=True),
    "project_management-t03": move("In Review", "Completed"),
    "project_management-t04": hand_over("In Progress"),
    "project_management-t05": move("In Progress", "Backlog"),
    "project_management-t06": hand_over("Backlog", overdue=True),
    "project_management-t07": hand_over_most_urgent,
}
