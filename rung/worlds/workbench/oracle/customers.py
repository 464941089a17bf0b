"""Queries about customers: add, change, hand over and delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rung.worlds.workbench.customers import MAX_FOUND
from rung.worlds.workbench.oracle.episode import Episode, Stuck

Customer = Mapping[str, str]
_SEARCH = "customer_relationship_manager.search_customers"
_UPDATE = "customer_relationship_manager.update_customer"
_DELETE = "customer_relationship_manager.delete_customer"


def customer_named(e: Episode, name: str) -> Customer:
    """Look up a customer; raises Stuck when nobody has exactly this name."""
    for customer in e.act(_SEARCH, customer_name=name) or []:
        if customer["customer_name"] == name:
            return customer  # type: ignore[no-any-return]
    raise Stuck(f"no customer is called {name!r}")


def each(e: Episode, **asked: str) -> Iterator[Customer]:
    """Look up customers five at a time; what is done with each must take it out of the search."""
    if e.answers:
        yield from e.ask("helper.list_customers", **asked)
        return
    while True:
        page = e.act(_SEARCH, **asked) or []
        yield from page
        if len(page) < MAX_FOUND:
            return


def give_leads(e: Episode, email: str, other: str, **more: str) -> None:
    """Hand the leads of one person over to another."""
    for customer in each(e, assigned_to_email=email, status="Lead", **more):
        change(e, customer, "assigned_to_email", other)


def delete_leads(e: Episode, email: str) -> None:
    """Delete the leads of a person."""
    for customer in each(e, assigned_to_email=email, status="Lead"):
        delete(e, customer)


def add_lead(e: Episode, name: str, email: str) -> None:
    """Add a customer as a lead."""
    e.write(
        "customer_relationship_manager.add_customer",
        customer_name=name,
        assigned_to_email=email,
        status="Lead",
    )


def change(e: Episode, customer: Customer, field: str, value: str) -> None:
    """Change one field of a customer."""
    e.write(_UPDATE, customer_id=customer["customer_id"], field=field, new_value=value)


def delete(e: Episode, customer: Customer) -> None:
    """Delete a customer."""
    e.write(_DELETE, customer_id=customer["customer_id"])


def set_status(e: Episode) -> None:
    """Set the status of a customer."""
    slots = e.slots()
    customer = customer_named(e, slots["current_customer_name"])
    change(e, customer, "status", slots["new_status_natural_language"].capitalize())


def delete_named(e: Episode) -> None:
    """Delete a customer."""
    delete(e, customer_named(e, e.slots()["current_customer_name"]))


def add_for(e: Episode) -> None:
    """Add a lead for somebody."""
    slots = e.slots()
    add_lead(e, slots["new_customer_name"], e.address(slots["assigned_to_first_name"]))


def hand_over_named(e: Episode) -> None:
    """Hand a customer over to somebody."""
    slots = e.slots()
    customer = customer_named(e, slots["current_customer_name"])
    change(e, customer, "assigned_to_email", e.address(slots["assigned_to_first_name"]))


def hand_over_leads(e: Episode) -> None:
    """Hand over the leads of one person that want a product."""
    slots = e.slots()
    email, other = _two_people(e, slots)
    give_leads(e, email, other, product_interest=_product(slots))


def hand_over_warm(e: Episode) -> None:
    """Hand over the customers of one person that want a product and are far advanced."""
    slots = e.slots()
    email, other = _two_people(e, slots)
    for status in ("Qualified", "Proposal"):
        asked = {"assigned_to_email": email, "product_interest": _product(slots)}
        for customer in each(e, **asked, status=status):
            change(e, customer, "assigned_to_email", other)


def delete_in_stage(e: Episode) -> None:
    """Delete the customers of one person that want a product and are in a stage.

    One wording asks to move them to lost; the published answer deletes them all the same.
    """
    slots = e.slots()
    if "delete" not in e.query.lower():
        e.doubt = "the query asks for another status, the published answer deletes"
    email = e.address(slots["assigned_to_first_name"])
    status = slots["new_status_natural_language"].capitalize()
    for customer in each(
        e, assigned_to_email=email, status=status, product_interest=_product(slots)
    ):
        delete(e, customer)


def give_up_silent(e: Episode) -> None:
    """Set customers to lost that have not answered a proposal for weeks."""
    slots = e.slots()
    until = e.day(f"{slots['weeks']} weeks", past=True)
    for customer in each(
        e,
        status="Proposal",
        product_interest=_product(slots),
        last_contact_date_max=until.isoformat(),
    ):
        change(e, customer, "status", "Lost")


def _two_people(e: Episode, slots: Mapping[str, str]) -> tuple[str, str]:
    return (
        e.address(slots["assigned_to_first_name"]),
        e.address(slots["new_assigned_to_first_name"]),
    )


def _product(slots: Mapping[str, str]) -> str:
    return slots["natural_language_product_interest"].capitalize()


FAMILIES: dict[str, Callable[[Episode], Any]] = {
    "customer_relationship_manager-t00": set_status,
    "customer_relationship_manager-t01": delete_named,
    "customer_relationship_manager-t02": add_for,
    "customer_relationship_manager-t03": hand_over_named,
    "customer_relationship_manager-t04": hand_over_leads,
    "customer_relationship_manager-t05": hand_over_warm,
    "customer_relationship_manager-t06": delete_in_stage,
    "customer_relationship_manager-t07": give_up_silent,
}
