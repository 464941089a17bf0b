"""The project management sandbox: tasks on boards, in lists, with an assignee and a due date."""

from __future__ import annotations

from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench.schemas import ADDRESS, DAY, DAY_OR_MONTH, ID, choice, text
from rung.worlds.workbench.state import COLUMNS, State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import Refused, declare, field_of, one_of, row_of

LISTS = ("Backlog", "In Progress", "In Review", "Completed")
BOARDS = ("Back end", "Front end", "Design")
_FIELDS = COLUMNS["tasks"]
_CLOSED = {"list_name": LISTS, "board": BOARDS}


def get_task_information_by_id(state: State, *, task_id: str, field: str) -> Any:
    """Return one field of a task."""
    return field_of(row_of(state.tasks, task_id, "task"), field)


def search_tasks(state: State, **wanted: str) -> list[Values]:
    """Return every task whose fields contain what is given, whatever its case."""
    asked = {field: part.lower() for field, part in wanted.items() if part}
    if not asked:
        raise Refused("project_management.search_tasks needs at least one argument")
    return [
        task
        for task in state.tasks
        if all(part in (task[field] or "").lower() for field, part in asked.items())
    ]


def create_task(
    state: State,
    *,
    task_name: str,
    assigned_to_email: str,
    list_name: str,
    due_date: str,
    board: str,
) -> str:
    """Add a task; return its id."""
    task = {
        "task_id": state.tasks.next_id(),
        "task_name": task_name,
        "assigned_to_email": _assignee(state, assigned_to_email),
        "list_name": one_of(list_name, LISTS, "list_name"),
        "due_date": due_date,
        "board": one_of(board, BOARDS, "board"),
    }
    # Published tasks are joined on with all rows counted anew, which closes gaps.
    state.tasks = state.tasks.appended(task, label=len(state.tasks.lines)).relabelled()
    return task["task_id"]


def delete_task(state: State, *, task_id: str) -> str:
    """Remove a task."""
    row_of(state.tasks, task_id, "task")
    state.tasks = state.tasks.without(task_id)
    return "Task deleted successfully."


def update_task(state: State, *, task_id: str, field: str, new_value: str) -> str:
    """Change one field of a task, under the rules of a new one."""
    row_of(state.tasks, task_id, "task")
    one_of(field, _FIELDS, "field")
    if field == "assigned_to_email":
        new_value = _assignee(state, new_value)
    if field in _CLOSED:
        one_of(new_value, _CLOSED[field], field)
    state.tasks = state.tasks.updated(task_id, field, new_value)
    return "Task updated successfully."


def _assignee(state: State, email: str) -> str:
    email = email.lower()
    if all(task["assigned_to_email"] != email for task in state.tasks):
        raise Refused(
            f"assignee {quote(email)} is not in the team: nobody of this address has tasks"
        )
    return email


TOOLS = (
    declare(
        "project_management.get_task_information_by_id",
        get_task_information_by_id,
        "Return one field of a project task.",
        {"task_id": ID, "field": choice(_FIELDS)},
        required=("task_id", "field"),
    ),
    declare(
        "project_management.search_tasks",
        search_tasks,
        "Return all tasks that match every given argument; at least one is needed.",
        {
            "task_name": text("part of the name"),
            "assigned_to_email": ADDRESS,
            "list_name": choice(LISTS),
            "due_date": DAY_OR_MONTH,
            "board": choice(BOARDS),
        },
    ),
    declare(
        "project_management.create_task",
        create_task,
        "Create a project task; returns its id.",
        {
            "task_name": text("name of the task"),
            "assigned_to_email": {"description": "mail address of somebody who has tasks"},
            "list_name": choice(LISTS),
            "due_date": DAY,
            "board": choice(BOARDS),
        },
        required=("task_name", "assigned_to_email", "list_name", "due_date", "board"),
        writes=True,
    ),
    declare(
        "project_management.delete_task",
        delete_task,
        "Delete a project task.",
        {"task_id": ID},
        required=("task_id",),
        writes=True,
    ),
    declare(
        "project_management.update_task",
        update_task,
        "Change one field of a project task.",
        {
            "task_id": ID,
            "field": choice(_FIELDS[1:]),
            "new_value": text(
                f"new value; list_name: {', '.join(LISTS)}; board: {', '.join(BOARDS)}"
            ),
        },
        required=("task_id", "field", "new_value"),
        writes=True,
    ),
)
