"""The meanings of metrics and terms, shown where the mouse is over them."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from loadws.terms.metrics import TABLE

#: Terms other than metrics.
TERMS = {
    "response": "From the moment a message should have been sent to its answer: what a user would have felt.",
    "service": "From the moment a message was sent to its answer: what the server took once asked.",
    "never": "The percentile lies among the requests that got no answer.",
    "completed": "Came to its end.",
    "dropped": "An arrival that found as many users as max_users allows: it was not started.",
    "cut off": "Was under way when the load ended.",
    "ended with the load": "Was under way when the load ended.",
    "one way": "A message that expects no answer.",
    "unanswered": "Its connection ended, or the load did, before an answer came.",
    "timed out": "No answer came within its deadline.",
    "closed by peer": "The server closed the connection.",
    "lost": "The connection ended without a close frame.",
    "skipped": "A turn that was due while the turn before was still under way.",
    "complete": "The share of the expected deliveries that arrived in time.",
    "in doubt": "The receiver had disconnected before the message arrived.",
    "loop lag": "How late loadws' own event loop turned.",
    "over 90 % CPU": "The share of the judged time in which loadws used more than 90% of a core.",
}
_NAME = re.compile(r"^[a-z_]+")


def explained(text: str) -> Markup:
    """Return the text; a known metric or term has its meaning in ``title``."""
    name = _NAME.match(text)
    metric = TABLE.get(name[0]) if name else None
    meaning = TERMS.get(text) or (metric.meaning if metric else "")
    if not meaning:
        return escape(text)
    return Markup('<abbr title="{}">{}</abbr>').format(meaning, text)
