"""The wordings in which customers state facts that matter later, as regular expressions.

English only. A rule names its group `value`, and `attribute` and `subject` where they are not its
own. It is tried on one sentence; what the sentence merely assumes or asks, and values that are not
worth keeping, are sorted out in `memory_extract.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = (
    r"(?=\s*(?:$|[;(\n]|,(?:\s|$)|[.!?]+$|\s[-–—]\s"
    r"|\s(?:but|so|because|since|which|who|where|although|though|however|not|instead|if|when|while"
    r"|please|thanks|until|till|for now|at the moment|for the moment|temporarily|today|tonight"
    r"|tomorrow|(?:this|next|last) (?:week|month|year)|(?:right )?now|recently)\b"
    r"|\sand\s(?:my|our|i|i'm|i've|it|he|she|we|you|they|the|that|please|can|could|would|is|want"
    r"|need|have|not)\b))"
)
_VALUE = rf"(?P<value>\S(?:.{{0,78}}?\S)??){_END}"
_LONG = (
    r"(?P<value>\S(?:.{0,118}?\S)??)(?=,?\s*(?:$|[;(\n]|[.!?]+$"
    r"|\s(?:but|because|not|until|till|for now|temporarily|this week)\b|\s(?:and|so)\s(?:my|i)\b))"
)
_NO_ATTRIBUTE = (
    r"(?!(?:said|told|says|think|thinks|that|this|it|he|she|they|we|you|i|who|which|when|where|and"
    r"|or|but|if|is|are|was|were|has|have|had|in|on|at|with|from|to|not|problem|question|issue"
    r"|point|concern|understanding|guess|opinion|fault|idea|apologies|bad|mistake|turn)\b)"
)
_WORD = rf"{_NO_ATTRIBUTE}[^\W\d_][\w-]*"
_ATTRIBUTE = rf"(?P<attribute>{_WORD}(?:\s{_WORD}){{0,4}})"
_OWNER = r"(?:(?P<subject>[^\W\d_]+(?:[ -][^\W\d_]+)?)['’]s\s)?"
_IS = (
    r"(?:\s+(?:is|are|will be|has changed to|have changed to|has been changed to|changed to)\b"
    r"|\s?[:=])(?:\s+(?:now|actually|currently|just|on|at|in))?\s+"
)
_MAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_PHONE = r"\+?\(?\d[\d ()/.-]{5,18}\d"
_THINGS = (
    "order|invoice|ticket|case|booking|reservation|account|customer|client|contract|policy|member"
    "|membership|tracking|parcel|shipment|serial|reference|confirmation|employee|asset|flight|claim"
    "|return|device|license"
)
_NUMBER_SIGN = r"(?:\s(?:number|no\.?|nr\.?|id|code))"
_CODE = r"(?P<value>(?!\d{4}-\d\d-\d\d)(?=[\w/-]*\d)[A-Za-z0-9](?:[\w/-]*\w)?)(?![\w/-])"
_OFTEN = r"(?:(?:really|always|usually|generally|normally|much|strongly|absolutely|rather) )?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One wording."""

    pattern: re.Pattern[str]
    attribute: str
    """Empty: the pattern's own group."""
    salience: float
    only: bool
    """Whether a later value takes the place of an earlier one."""
    ends: bool
    """Whether it says that an earlier fact holds no more."""
    mentions: bool
    """Whether it only names a thing, which a question does as well."""
    may_pass: bool
    """Whether its value may tell how things stand today, which is not kept."""


def _rule(
    pattern: str,
    attribute: str,
    salience: float,
    *,
    only: bool = True,
    ends: bool = False,
    mentions: bool = False,
    may_pass: bool = False,
) -> Rule:
    return Rule(
        pattern=re.compile(pattern, re.IGNORECASE),
        attribute=attribute,
        salience=salience,
        only=only,
        ends=ends,
        mentions=mentions,
        may_pass=may_pass,
    )


RULES: tuple[Rule, ...] = (
    _rule(rf"\b(?:my|our) {_OWNER}(?P<attribute>(?:[\w-]+ )?address){_IS}(?!\S+@){_LONG}", "", 0.8),
    _rule(rf"\b(?:my|our) {_OWNER}(?P<attribute>name)['’]s {_VALUE}", "", 0.8),
    _rule(
        r"\b(?:my|our) (?P<subject>[^\W\d_]+) (?:is|are) (?:called|named) "
        rf"(?!(?:off|to|by)\b){_VALUE}",
        "name",
        0.7,
    ),
    _rule(
        rf"\b(?:my|our) {_OWNER}{_ATTRIBUTE}{_IS}(?:(?-i:an?|the) )?{_VALUE}",
        "",
        0.5,
        may_pass=True,
    ),
    _rule(
        r"\b(?:i am called|i['’]m called|call me|i go by) "
        r"(?P<value>(?-i:[A-Z])[\w'’-]+(?: (?-i:[A-Z])[\w'’-]+){0,2})",
        "name",
        0.8,
    ),
    _rule(rf"\bi(?: now| currently)? live (?:in|at) {_VALUE}", "home", 0.7),
    _rule(rf"\bi(?:['’]ve| have)?(?: just| recently)? moved to {_VALUE}", "home", 0.7),
    _rule(rf"\bi(?:['’]m| am) (?:based|living) in {_VALUE}", "home", 0.7),
    _rule(rf"\bi(?: now| currently)? work (?:at|for) {_VALUE}", "employer", 0.6),
    _rule(rf"\bi(?: now| currently)? work as {_VALUE}", "job", 0.6),
    _rule(rf"\bi was born (?:on|in) {_VALUE}", "birthday", 0.7),
    _rule(rf"\bi(?:['’]m| am)(?: also)? allergic to {_VALUE}", "allergy", 0.9, only=False),
    _rule(
        r"\bi(?:['’]m| am)(?: a)? (?P<value>vegan|vegetarian|pescatarian|coeliac|celiac|diabetic"
        r"|gluten[- ]intolerant|lactose[- ]intolerant|colou?r[- ]?blind|hard of hearing)\b",
        "needs",
        0.9,
        only=False,
    ),
    _rule(rf"\bi (?:only )?speak {_VALUE}", "language", 0.6, only=False),
    _rule(rf"\bi (?P<attribute>use|drive|own) (?:an? |the )?{_VALUE}", "", 0.4, only=False),
    _rule(
        rf"\bi no longer (?P<attribute>live in|work for|work at|like|love|prefer|use|drive|own"
        rf"|speak) (?:an? |the )?{_VALUE}",
        "",
        0.5,
        only=False,
        ends=True,
    ),
    _rule(
        rf"\bi (?:(?:don['’]t|do not) (?:like|eat|drink|enjoy)|can['’]t stand|cannot stand) "
        rf"(?:an? |the )?(?!(?:any|it|that|this|to|how|when)\b){_VALUE}",
        "dislikes",
        0.6,
        only=False,
    ),
    _rule(
        rf"(?<!would )(?<!we )\bi(?:['’]d)? {_OFTEN}prefer (?!not\b|that\b|it\b|this\b){_VALUE}",
        "prefers",
        0.7,
        only=False,
    ),
    _rule(
        rf"\bi {_OFTEN}(?:like|love|enjoy) "
        rf"(?!(?:to|it|that|this|how|your|the way)\b){_VALUE}",
        "likes",
        0.6,
        only=False,
    ),
    _rule(
        rf"\bi {_OFTEN}(?:dislike|hate|avoid) (?!to\b|it\b|that\b|this\b|how\b|when\b){_VALUE}",
        "dislikes",
        0.6,
        only=False,
    ),
    _rule(
        rf"(?:^|\bplease )(?P<attribute>always|never) "
        rf"(?!(?:mind|again|got|had|been|heard|saw|seen|came|went|was|is|\w+ed|\w+[^\Ws]s)\b){_LONG}",
        "",
        0.9,
        only=False,
    ),
    _rule(rf"(?P<attribute>\bfrom now on),? (?:please )?{_LONG}", "", 0.9, only=False),
    _rule(
        rf"\b(?:reach|contact|write(?: to)?|e-?mail|mail) me (?:at|on|under|via) "
        rf"(?P<value>{_MAIL})",
        "email",
        0.8,
    ),
    _rule(
        rf"\b(?:reach|contact|call|phone|ring|text) me (?:at|on|under|via) (?P<value>{_PHONE})",
        "phone",
        0.8,
    ),
    _rule(
        rf"\b(?P<attribute>{_THINGS}){_NUMBER_SIGN}?(?:\sis|\sshould be|:)\s#?{_CODE}",
        "",
        0.5,
        only=False,
    ),
    _rule(
        rf"(?<!to )(?<!please )\b(?P<attribute>{_THINGS})"
        rf"(?:{_NUMBER_SIGN}\s#?|\s?#\s?|\s(?=[\w/-]{{4}})){_CODE}",
        "",
        0.5,
        only=False,
        mentions=True,
    ),
)
