"""The customer relationship manager sandbox: customers, who looks after them, how far a sale is."""

from __future__ import annotations

from typing import Any

from rung.worlds.workbench.schemas import ADDRESS, DAY, FROM_DAY, ID, TO_DAY, choice, text
from rung.worlds.workbench.state import COLUMNS, State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import Refused, declare, one_of, row_of

STATUSES = ("Qualified", "Won", "Lost", "Lead", "Proposal")
PRODUCTS = ("Software", "Hardware", "Services", "Consulting", "Training")
MAX_FOUND = 5
_CLOSED = {"status": STATUSES, "product_interest": PRODUCTS}
_ADDRESSES = ("customer_email", "assigned_to_email")
_PARTS = ("customer_name", "customer_email", "product_interest", "status", "assigned_to_email")
_BOUNDS = ("last_contact_date", "follow_up_by")


def search_customers(state: State, **wanted: str) -> list[Values]:
    """Return the first five customers whose fields contain what is given and lie in the bounds."""
    asked = {name: value for name, value in wanted.items() if value}
    if not asked:
        raise Refused("customer_relationship_manager.search_customers needs at least one argument")
    return [customer for customer in state.customers if _matches(customer, asked)][:MAX_FOUND]


def update_customer(state: State, *, customer_id: str, field: str, new_value: str) -> str:
    """Change one field of a customer."""
    if field in _CLOSED:
        one_of(new_value, _CLOSED[field], field)
    row_of(state.customers, customer_id, "customer")
    one_of(field, COLUMNS["customers"], "field")
    if field in _ADDRESSES:
        new_value = new_value.lower()
    state.customers = state.customers.updated(customer_id, field, new_value)
    return "Customer updated successfully."


def add_customer(
    state: State, *, customer_name: str, assigned_to_email: str, status: str, **more: str
) -> str:
    """Add a customer; return the id. What is not given stays empty; no value is checked."""
    given: dict[str, Any] = {"notes": "", **more}
    given |= {"customer_name": customer_name, "status": status}
    given |= {"assigned_to_email": assigned_to_email.lower()}
    given["customer_id"] = state.customers.next_id()
    if given.get("customer_email"):
        given["customer_email"] = given["customer_email"].lower()
    customer = {column: given.get(column) for column in COLUMNS["customers"]}
    # Published customers are joined on with all rows counted anew, which closes gaps.
    table = state.customers.appended(customer, label=len(state.customers.lines))
    state.customers = table.relabelled()
    return str(given["customer_id"])


def delete_customer(state: State, *, customer_id: str) -> str:
    """Remove a customer."""
    row_of(state.customers, customer_id, "customer")
    state.customers = state.customers.without(customer_id)
    return "Customer deleted successfully."


def _matches(customer: Values, asked: dict[str, str]) -> bool:
    for field in _PARTS:
        if asked.get(field, "").lower() not in (customer[field] or "").lower():
            return False
    for field in _BOUNDS:
        value = customer[field] or ""
        low, high = asked.get(f"{field}_min", ""), asked.get(f"{field}_max", "")
        if (low and value < low) or (high and value > high):
            return False
    return True


_OPTIONAL = {
    "customer_email": ADDRESS,
    "customer_phone": text("phone number"),
    "last_contact_date": DAY,
    "product_interest": choice(PRODUCTS),
    "notes": text("notes"),
    "follow_up_by": DAY,
}

TOOLS = (
    declare(
        "customer_relationship_manager.search_customers",
        search_customers,
        "Return at most 5 customers that match every given argument; at least one is needed.",
        {
            "customer_name": text("part of the name"),
            "customer_email": text("part of the mail address"),
            "product_interest": choice(PRODUCTS),
            "status": choice(STATUSES),
            "assigned_to_email": ADDRESS,
            "last_contact_date_min": FROM_DAY,
            "last_contact_date_max": TO_DAY,
            "follow_up_by_min": FROM_DAY,
            "follow_up_by_max": TO_DAY,
        },
    ),
    declare(
        "customer_relationship_manager.update_customer",
        update_customer,
        "Change one field of a customer.",
        {
            "customer_id": ID,
            "field": choice([name for name in COLUMNS["customers"] if name != "customer_id"]),
            "new_value": text(
                f"new value; status: {', '.join(STATUSES)}; product_interest: {', '.join(PRODUCTS)}"
            ),
        },
        required=("customer_id", "field", "new_value"),
        writes=True,
    ),
    declare(
        "customer_relationship_manager.add_customer",
        add_customer,
        "Add a customer; returns the id.",
        {
            "customer_name": text("name"),
            "assigned_to_email": ADDRESS,
            "status": choice(STATUSES),
            **_OPTIONAL,
        },
        required=("customer_name", "assigned_to_email", "status"),
        writes=True,
    ),
    declare(
        "customer_relationship_manager.delete_customer",
        delete_customer,
        "Delete a customer.",
        {"customer_id": ID},
        required=("customer_id",),
        writes=True,
    ),
)
