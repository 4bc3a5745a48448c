"""What of a file's text is secret, and the text without it.

Secret are the values of ``secrets`` variables, of ``cookies``, of the headers Authorization, Proxy-Authorization, Cookie
and X-Api-Key, and the user info of addresses. A value that is only a reference to the environment (``${TOKEN}``) tells
nothing and stays. Excerpts in messages keep their columns: there each character becomes a ``*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from loadws.scenario.tree import Node, find, walk_nodes

#: Not ``***``, which YAML would take for an alias: what is masked can still be read as a scenario.
MASK = "(masked)"
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})

#: An expression in it may have blanks and quotes.
_USER_INFO = re.compile(r"(?<=://)(?:\{\{[^{}]*\}\}|\{(?!\{)|[^/?#@\s\"'{])+(?=@)")
_HEADER_LINE = re.compile(
    rf"(?i)\b(?:{'|'.join(sorted(SECRET_HEADERS))})[\"']?\s*:\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\n,}}]+)"
)
_ONLY_A_REFERENCE = re.compile(r"([\"']?)\$\{\w+\}\1")
#: A shorter value would mask half of the file where it stands elsewhere, and is no secret to speak of.
_SHORTEST_REPEATED = 4

Span = tuple[int, int]


def mask(text: str, root: Node | None, form: Literal["short", "same length"] = "short") -> str:
    """The text without its secrets. ``root`` is its tree as written, None where it could not be read."""
    spans = [*_spans_in_text(text), *(_spans_in_tree(text, root) if root else ())]
    parts, at = [], 0
    for start, end in sorted(spans):
        start = max(start, at)
        if start < end:
            parts += [text[at:start], _masked(text[start:end], form)]
            at = end
    return "".join(parts) + text[at:]


def _masked(secret: str, form: str) -> str:
    if form == "same length":
        return re.sub(r"\S", "*", secret)
    return MASK + secret[len(secret.rstrip()) :]


def _spans_in_text(text: str) -> Iterator[Span]:
    """What looks like a secret wherever it stands, in comments too."""
    for match in _USER_INFO.finditer(text):
        yield match.span()
    for match in _HEADER_LINE.finditer(text):
        if not _ONLY_A_REFERENCE.fullmatch(match[1].strip()):
            yield match.span(1)


def _spans_in_tree(text: str, root: Node) -> Iterator[Span]:
    for node in _secret_nodes(root):
        for inner in walk_nodes(node):
            if not isinstance(inner.value, dict | tuple):
                yield from _spans_of_value(text, inner)


def _secret_nodes(root: Node) -> Iterator[Node]:
    names, _ = find(root, ("secrets",))
    wanted = {child.value for child in names.children() if isinstance(child.value, str)} if names.where else set()
    for node in walk_nodes(root):
        if (
            (node.where[:1] == ("variables",) and len(node.where) == 2 and node.where[1] in wanted)
            or (node.where[-2:-1] == ("headers",) and str(node.where[-1]).lower() in SECRET_HEADERS)
            or node.where[-2:-1] == ("cookies",)
            or (node.where[-2:-1] == ("set",) and node.where[-1] in wanted)
            or node.where[-2:] == ("tls", "key_password")
        ):
            yield node


def _spans_of_value(text: str, node: Node) -> Iterator[Span]:
    """The value, and every other place where the same text stands."""
    written = text[node.start : node.end]
    if node.value is None or _ONLY_A_REFERENCE.fullmatch(written.strip()):
        return
    yield node.start, node.end
    value = str(node.value)
    if len(value) >= _SHORTEST_REPEATED and "{{" not in value:
        for match in re.finditer(re.escape(value), text):
            yield match.span()
