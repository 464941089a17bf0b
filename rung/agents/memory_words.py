"""Words that say whether a value is worth keeping, for how long, and under which name.

English only. Passwords, PINs and card numbers are nobody's memory: `is_secret` finds them.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from rung.core.clock import UTC_FORM
from rung.store import PERMANENT

MIN_SALIENCE = 0.3
"""What matters less is not kept."""
_SECRET = re.compile(
    r"\b(?:password|passcode|passphrase|pin|cvv|cvc|security code|security answer|secret|api key"
    r"|token|credit card|debit card|card number|card|ssn|social security number)\b",
    re.IGNORECASE,
)
NOTHING = re.compile(
    r"(?:not|never|no(?!\.)|probably|maybe|perhaps|unknown|still|being|that|because|how|when|what"
    r"|where|why|whether|to|too|very|so|really|quite|all|both|already|always|only|also|about"
    r"|supposed|able|unable)\b",
    re.IGNORECASE,
)
"""Beginnings of values that tell nothing definite."""
PASSING = re.compile(
    r"(?:an? |the )?(?:broken|late|slow|dead|down|gone|empty|full|wrong|missing|stuck|fine|ok|okay"
    r"|good|bad|great|here|there|ready|new|old|lost|hot|cold|loud|unhappy|happy|mess|same|correct"
    r"|right|true|overdue|due|short|faulty|unusable|unreadable|[a-z]{3,}(?:ed|ing))\b"
)
"""Values that tell how things stand today."""
LASTING = re.compile(
    r"\b(?:hobb(?:y|ies)|job|sport|passion|profession|favou?rite [\w ]+|status|name|surname)$"
)
"""Attributes whose value may look like a passing state: a hobby is sailing."""

ALIASES = {
    "e-mail": "email", "mail": "email", "email address": "email", "e-mail address": "email",
    "mail address": "email", "telephone": "phone", "mobile": "phone", "mobile phone": "phone",
    "cell": "phone", "cell phone": "phone", "full name": "name", "first name": "name",
    "date of birth": "birthday", "home address": "address", "postal address": "address",
    "love": "likes", "like": "likes", "prefer": "prefers", "live in": "home",
    "work for": "employer", "work at": "employer", "use": "uses", "drive": "drives",
    "own": "owns", "speak": "language",
}  # fmt: skip
SALIENCE = {
    "name": 0.8, "email": 0.8, "phone": 0.8, "address": 0.8, "birthday": 0.7, "account": 0.8,
    "customer": 0.8, "member": 0.8, "membership": 0.8, "contract": 0.8, "policy": 0.8,
    "employee": 0.8, "time zone": 0.8, "timezone": 0.8, "language": 0.7, "allergy": 0.9,
}  # fmt: skip
"""Attributes that matter more than the rule that found them knows."""
CASES = frozenset({
    "order", "invoice", "ticket", "case", "booking", "reservation", "tracking", "parcel",
    "shipment", "reference", "confirmation", "flight", "claim", "return",
})  # fmt: skip
CASE_SALIENCE = 0.7
CASE_DAYS = 90
"""Cases matter, but come to an end: what names one holds this long."""

HINTS = {
    "home": "live city town address based", "address": "live deliver ship send home street",
    "employer": "work company job", "job": "work profession do for a living",
    "birthday": "born birth age old", "allergy": "allergic eat food avoid",
    "dislikes": "like not hate avoid", "likes": "favourite enjoy love", "phone": "call number",
    "email": "mail write", "order": "delivery parcel purchase", "name": "call who",
    "uses": "device have", "drives": "car vehicle", "prefers": "preference rather",
    "language": "speak", "needs": "diet eat food",
}  # fmt: skip
"""Words by which a fact is asked for and that the sentence that states it may lack."""

PERIODS: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), num_days)
    for pattern, num_days in (
        (r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b", 1),
        (r"\btomorrow\b", 2),
        (r"\bthis (?:week|weekend)\b", 7),
        (r"\b(?:next week|for now|for the moment|at the moment|temporarily)\b", 14),
        (r"\bthis month\b", 31),
    )
)
"""Words of time, and how many days a sentence with them holds."""
UNTIL = re.compile(
    r"\b(?:until|till|through) (?P<day>\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))\b",
    re.IGNORECASE,
)
_CARD_DIGITS = range(13, 20)
_SUFFIX = re.compile(r" (?:number|no\.?|nr\.?|id|code|reference)$")


def attribute_name(words: str) -> str:
    """Return the name under which an attribute is kept: `Order Number` is `order`."""
    name = _SUFFIX.sub("", " ".join(words.lower().split()))
    return ALIASES.get(name, name)


def weight(attribute: str, salience: float) -> float:
    """Return the salience of a fact, 0 to 1, from that of its rule and what it is about."""
    return max(salience, CASE_SALIENCE if attribute in CASES else SALIENCE.get(attribute, 0.0))


def lifetime(attribute: str, clause: str, now: str) -> str:
    """Return when a fact ceases to hold: `expires`, by the words of time beside it or its kind.

    `now` is UTC ISO-8601. A day that is named wins; else the shortest time does.
    """
    if until := UNTIL.search(clause):
        return f"{until['day']}T23:59:59Z"
    days = [num_days for words, num_days in PERIODS if words.search(clause)]
    days += [CASE_DAYS] if attribute in CASES else []
    if not days:
        return PERMANENT
    return (datetime.strptime(now, UTC_FORM) + timedelta(days=min(days))).strftime(UTC_FORM)


def is_secret(words: str, value: str) -> bool:
    """Return whether a value must not be kept: by the words around it, or as a card's number."""
    return bool(_SECRET.search(words)) or _is_card_number(value)


def _is_card_number(value: str) -> bool:
    """Return whether a value has 13 to 19 digits that pass Luhn's check (ISO/IEC 7812-1)."""
    digits = [int(character) for character in value if character.isdecimal()]
    if len(digits) not in _CARD_DIGITS or any(character.isalpha() for character in value):
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
