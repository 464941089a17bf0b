"""Extra tools that find customers, tasks and people that a query speaks of: all, overdue, fewest.

See `answers_agenda.py` for what these are and why a comparison with the recorded runs must name
them. None of them changes anything.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench.clock import TODAY
from rung.worlds.workbench.customers import PRODUCTS, STATUSES
from rung.worlds.workbench.helpers import count_tasks
from rung.worlds.workbench.projects import BOARDS, LISTS
from rung.worlds.workbench.schemas import ADDRESS, TO_DAY, choice, text
from rung.worlds.workbench.state import State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import COUNT, Refused, declare, number_of, one_of, part_of

_TO_DO = ("Backlog", "In Progress")


def last_contact(state: State, *, customer_name: str, days: str) -> dict[str, Any]:
    """Return whether the last contact with a customer is over some days ago, and their keeper."""
    bound = (TODAY - timedelta(days=number_of(days, "days"))).isoformat()
    for customer in state.customers:
        if (customer["customer_name"] or "").lower() == customer_name.lower():
            over = (customer["last_contact_date"] or "") < bound
            keeper = customer["assigned_to_email"]
            return {"answer": "yes" if over else "no", "assigned_to_email": keeper}
    raise Refused(f"no customer is called {quote(customer_name)}")


def list_customers(
    state: State, *, last_contact_date_max: str = "", **wanted: str
) -> list[dict[str, Any]]:
    """Return all customers that have every value given."""
    if not any(wanted.values()):
        raise Refused("helper.list_customers needs an assignee, a status or a product")
    return [
        part_of(customer, "customer_id", "customer_name")
        for customer in state.customers
        if all(not value or customer[field] == value for field, value in wanted.items())
        and (not last_contact_date_max or _contact(customer) <= last_contact_date_max)
    ]


def overdue_tasks(
    state: State, *, assigned_to_email: str, list_name: str = ""
) -> list[dict[str, Any]]:
    """Return somebody's tasks that should be done by now and are not."""
    return [
        part_of(task, "task_id", "task_name", "due_date")
        for task in state.tasks
        if task["assigned_to_email"] == assigned_to_email
        and list_name in ("", task["list_name"])
        and (task["due_date"] or "") < TODAY.isoformat()
        and task["list_name"] != "Completed"
    ]


def most_urgent_task(state: State, *, assigned_to_email: str) -> list[dict[str, Any]]:
    """Return the task that somebody still has to work on and that is due first."""
    left = [
        task
        for task in state.tasks
        if task["assigned_to_email"] == assigned_to_email and task["list_name"] in _TO_DO
    ]
    first = min(left, key=lambda task: task["due_date"] or "", default=None)
    return [part_of(first, "task_id", "task_name", "due_date")] if first else []


def pick_person(
    state: State, *, order: str, count: str, list_name: str = "", board: str = ""
) -> dict[str, Any]:
    """Return who has the fewest, or the most, tasks or overdue ones, of those who have any."""
    one_of(order, ("fewest", "most"), "order")
    one_of(count, ("tasks", "overdue"), "count")
    people = [one for one in count_tasks(state, list_name=list_name, board=board) if one[count]]
    if not people:
        raise Refused(f"nobody has any {count} there")
    number = (min if order == "fewest" else max)(one[count] for one in people)
    alike = [one for one in people if one[count] == number]
    found = alike[0] if order == "fewest" else alike[-1]
    return {"assigned_to_email": found["assigned_to_email"], count: found[count]}


def _contact(customer: Values) -> str:
    return customer["last_contact_date"] or ""


TOOLS = (
    declare(
        "helper.last_contact",
        last_contact,
        "Tell whether the last contact with a customer is over some days ago, and who looks after"
        " them.",
        {"customer_name": text("whole name"), "days": COUNT},
        required=("customer_name", "days"),
    ),
    declare(
        "helper.list_customers",
        list_customers,
        "Return all customers that have every value given.",
        {"assigned_to_email": ADDRESS, "status": choice(STATUSES),
         "product_interest": choice(PRODUCTS), "last_contact_date_max": TO_DAY},
    ),
    declare(
        "helper.overdue_tasks",
        overdue_tasks,
        "Return somebody's overdue tasks, of one list or of all.",
        {"assigned_to_email": ADDRESS, "list_name": choice(LISTS)},
        required=("assigned_to_email",),
    ),
    declare(
        "helper.most_urgent_task",
        most_urgent_task,
        "Return the task that somebody still has to work on and that is due first.",
        {"assigned_to_email": ADDRESS},
        required=("assigned_to_email",),
    ),
    declare(
        "helper.pick_person",
        pick_person,
        "Return who has the fewest, or the most, tasks or overdue ones.",
        {"order": choice(("fewest", "most")), "count": choice(("tasks", "overdue")),
         "list_name": choice(LISTS), "board": choice(BOARDS)},
        required=("order", "count"),
    ),
)  # fmt: skip
