"""The 23 categories: id, what belongs there, who handles it, how common it is.

Categories of one queue are read by the same team, so confusing them costs nothing; the identity
queue is the exception, because each of its three categories starts another self-service reply.
Shares follow the usual shape of a helpdesk (passwords and access first); they are ours, not
measured. No ticket text lives here.
"""

from __future__ import annotations

from dataclasses import dataclass

IDENTITY = "identity"
SECURITY = "security_incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One answer of the `category` field."""

    id: str
    description: str
    queue: str
    """Team that works on it; queues with several categories make confusions benign."""
    share: float
    """Relative frequency; the shares of all categories add up to 1."""


def _category(id: str, queue: str, percent: float, description: str) -> Category:
    return Category(id=id, queue=queue, share=percent / 100, description=description)


CATEGORIES: tuple[Category, ...] = (
    _category("password_reset", IDENTITY, 11.0, "password or PIN forgotten, expired or refused"),
    _category("account_lockout", IDENTITY, 4.0, "user locked, disabled or expired"),
    _category("mfa", IDENTITY, 4.0, "authenticator app, login codes, token, security key"),
    _category("access_request", "access", 9.0, "rights on folders, mailboxes, roles, sites, doors"),
    _category("vpn", "remote", 5.0, "remote access from outside the office"),
    _category("wifi", "network", 3.3, "wireless network"),
    _category(
        "wired_network", "network", 2.3, "cable, socket, switch, internet line, DNS, firewall"
    ),
    _category("email", "messaging", 6.0, "mailbox, sending and receiving, Outlook"),
    _category("calendar", "messaging", 2.4, "appointments, room booking, delegates"),
    _category("file_share", "storage", 4.5, "network drives, OneDrive, SharePoint files"),
    _category("file_recovery", "storage", 1.7, "lost, deleted or overwritten data to bring back"),
    _category("printing", "printing", 5.0, "printers, copiers, scanning at the copier"),
    _category("laptop_hardware", "deskside", 4.3, "the computer itself is broken"),
    _category("peripherals", "deskside", 4.0, "dock, monitor, mouse, headset, scanner, cables"),
    _category("slow_computer", "performance", 2.4, "the whole computer is slow or full"),
    _category("phone", "telephony", 2.8, "desk phone, work mobile, tablet, hotline"),
    _category("equipment_request", "procurement", 3.3, "new, extra, loaned or returned hardware"),
    _category(
        "video_meeting", "meeting_rooms", 2.8, "video calls, Teams chat, meeting-room screens"
    ),
    _category("software_install", "software", 5.2, "install, update or remove a program"),
    _category("licence", "software", 2.8, "activation, seats, subscriptions, renewals"),
    _category("app_error", "applications", 6.2, "a program or business system fails or is unclear"),
    _category("staff_change", "people", 3.3, "people who join, leave, move or change name"),
    _category(SECURITY, "security", 4.7, "attack, malware, fraud, lost device, leaked data"),
)
IDS: tuple[str, ...] = tuple(category.id for category in CATEGORIES)
