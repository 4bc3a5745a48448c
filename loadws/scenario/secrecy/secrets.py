"""The secrets of a scenario's file: the values, and the file's text without them.

Secret are the values that ``secrets`` names, ``cookies``, headers and query parameters of secret names (``terms.secrets``),
arguments of a protocol with such names, the key's password of ``tls``, and user info and secret parameters of addresses. A
value that is only a reference to the environment (``${TOKEN}``) reveals nothing and stays in the text. Excerpts in messages
keep their columns: there each character becomes a ``*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from loadws.scenario.model.steps import STEPS
from loadws.scenario.yaml.explain import Where
from loadws.scenario.yaml.tree import Node, find, walk_nodes
from loadws.terms.masker import Masker
from loadws.terms.secrets import (
    MASKED,
    SECRET_HEADERS,
    SHORTEST,
    Span,
    address_secrets,
    header_secrets,
    is_only_a_reference,
    is_secret_header,
    is_secret_parameter,
    joined,
    scalars,
    spans_in_addresses,
)

#: What ``secrets`` names: a variable or data source, and the keys that lead to a part of it.
SecretPath = tuple[str, ...]

_HEADER_LINE = re.compile(
    rf"(?i)\b(?:{'|'.join(sorted(SECRET_HEADERS))})[\"']?\s*:\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\n,}}]+)"
)
_VALUE = r"[\"']?\s*:\s*(\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?|[^\n,}]+)"
_REFERENCE = re.compile(r"\$\{(\w+)")
_ENV_CALL = re.compile(r"\benv\s*\(\s*[\"'](\w+)[\"']\s*\)")


def secret_paths(secrets: Sequence[str]) -> tuple[SecretPath, ...]:
    """Return the paths that ``secrets`` names: ``accounts.password`` is a column of a data source, or a key of a mapping."""
    return tuple(tuple(name.split(".")) for name in secrets)


def secrets_in(variables: Mapping[str, Any], paths: Sequence[SecretPath]) -> Iterator[str]:
    """Return the secret texts and numbers among the values of variables."""
    for path in paths:
        value: Any = variables
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        yield from scalars(value)


# -- values -----------------------------------------------------------------------------------------------------------


def secret_values(root: Node, written: Node, env: Mapping[str, str]) -> Iterator[str]:
    """Return the secret values that are known before the run.

    ``root`` is the tree with the environment and the command line in it, ``written`` the tree as in the file.
    """
    for node in secret_nodes(root):
        for value in scalars(_plain(node)):
            if "{{" not in value:
                yield value
        yield from _from_environment(find(written, node.where), env)
    for node in walk_nodes(root):
        if isinstance(node.value, str):
            yield from _parts(node.value, node.where)


def _plain(node: Node) -> Any:
    return [inner.value for inner in walk_nodes(node) if not isinstance(inner.value, dict | tuple)]


def _parts(text: str, where: Where) -> Iterator[str]:
    """Yield the secret parts of a header or an address."""
    if where[-2:-1] == ("headers",):
        found = header_secrets([(str(where[-1]), text)])
    else:
        found = address_secrets(text) if "://" in text or "?" in text else iter(())
    yield from (value for value in found if "{{" not in value)


def _from_environment(found: tuple[Node, Where], env: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of the environment variables that a secret is made of."""
    node, rest = found
    for inner in walk_nodes(node) if not rest else ():
        if isinstance(inner.value, str):
            names = (*_REFERENCE.findall(inner.value), *_ENV_CALL.findall(inner.value))
            yield from (env[name] for name in names if name in env)


def secret_nodes(root: Node) -> Iterator[Node]:
    """Return every value of a scenario that is secret as a whole."""
    names, _ = find(root, ("secrets",))
    texts = [child.value for child in (names, *names.children()) if names.where and isinstance(child.value, str)]
    paths = secret_paths(texts)
    yield from (node for node in walk_nodes(root) if _is_secret(node, paths))


def _is_secret(node: Node, paths: Sequence[SecretPath]) -> bool:
    where = node.where
    if any(where == ("variables", *path) or where[-len(path) - 1 :] == ("set", *path) for path in paths):
        return True
    *_, outer, key = ("", "", *map(str, where))
    match outer:
        case "headers":  # a mapping says what a header should be like, by matchers
            return is_secret_header(key) and not isinstance(node.value, dict)
        case "query":
            return is_secret_parameter(key)
        case "cookies":
            return True
    return (outer, key) == ("tls", "key_password") or _is_protocol_secret(node)


def _is_protocol_secret(node: Node) -> bool:
    """Return whether a value is an argument of a protocol with a secret name, as the ``token`` that opens it."""
    where = node.where
    *_, key = ("", *map(str, where))
    if isinstance(node.value, dict | tuple) or not (is_secret_parameter(key) or key == "auth"):
        return False
    steps = (STEPS.get(str(part)) for part in where)
    return where[:2] == ("connection", "protocol") or any(step is not None and step.of_protocol for step in steps)


# -- text -------------------------------------------------------------------------------------------------------------


def mask(
    text: str,
    root: Node | None,
    form: Literal["short", "same length"] = "short",
    masker: Masker | None = None,
) -> str:
    """Return the file's text without its secrets.

    ``root`` is its tree as written, None where it could not be read; ``masker`` knows the values of other sources too.
    """
    spans = [*_spans_in_text(text)]
    spans += _spans_in_tree(text, root, masker or Masker()) if root else _spans_by_name(text)
    parts, at = [], 0
    for start, end in joined(spans):
        parts += [text[at:start], _masked(text[start:end], form)]
        at = end
    return "".join(parts) + text[at:]


def _masked(secret: str, form: str) -> str:
    if form == "same length":
        return re.sub(r"\S", "*", secret)
    return MASKED + secret[len(secret.rstrip()) :]


def _spans_in_text(text: str) -> Iterator[Span]:
    """Yield the spans that look like a secret anywhere in the text, also in comments."""
    yield from spans_in_addresses(text)
    for match in _HEADER_LINE.finditer(text):
        if not is_only_a_reference(match[1]):
            yield match.span(1)


def _spans_by_name(text: str) -> Iterator[Span]:
    """Yield the spans of secrets in a file that is no YAML: their names are searched for, and the values after them."""
    listed = re.search(r"(?m)^[\"']?secrets[\"']?\s*:((?:.*\n?)(?:[ \t]*-.*\n?)*)", text)
    for name in re.findall(r"[A-Za-z_]\w*", listed[1]) if listed else ():
        for match in re.finditer(rf"(?<![\w.]){name}{_VALUE}", text):
            yield match.span(1)


def _spans_in_tree(text: str, root: Node, masker: Masker) -> Iterator[Span]:
    kept = list(_kept(root))
    secret: list[Span] = []
    values = set()
    for node in secret_nodes(root):
        for inner in walk_nodes(node):
            if _tells(text, inner):
                secret.append((inner.start, inner.end))
                values.add(str(inner.value))
    yield from secret
    elsewhere = masker.adding(value for value in values if len(value) >= SHORTEST and "{{" not in value)
    for start, end in elsewhere.spans(text):
        if not any(start < after and before < end for before, after in kept):
            yield start, end


def _tells(text: str, node: Node) -> bool:
    """Return whether a scalar is more than a reference to the source of the secret."""
    if isinstance(node.value, dict | tuple) or node.value is None:
        return False
    return not is_only_a_reference(text[node.start : node.end])


def _kept(root: Node) -> Iterator[Span]:
    """Yield the spans of keys and numbers, which stay whatever they look like."""
    for node in walk_nodes(root):
        if node.key_start is not None:
            yield node.key_start, node.start
        if isinstance(node.value, int | float):
            yield node.start, node.end
