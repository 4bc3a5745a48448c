"""Check ``secrets``: that each names something, whose values are long enough to be masked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from loadws.scenario.checks.findings import Findings
from loadws.scenario.data.feed import DataError, open_feed
from loadws.scenario.secrecy.secrets import SecretPath, secret_paths
from loadws.scenario.yaml.explain import Where
from loadws.scenario.yaml.tree import find, walk_nodes
from loadws.terms.errors import did_you_mean
from loadws.terms.secrets import SHORTEST, scalars

#: In so many rows of a data file short values are looked for.
LOOKED_AT = 100
_ADVICE = f"use {SHORTEST} characters or more"


def check_secrets(findings: Findings, known: Collection[str], columns: Mapping[str, tuple[str, ...]]) -> None:
    """Check ``secrets``.

    ``known`` are the names that have a value somewhere, ``columns`` those of the readable data files.
    """
    for index, path in enumerate(secret_paths(findings.scenario.secrets)):
        where: Where = ("secrets", index)
        if path[0] not in known:
            message = f"there is no variable {path[0]!r} to keep secret"
            findings.error(where, message, did_you_mean(path[0], known))
        elif path[0] in columns:
            _check_columns(findings, where, path, columns[path[0]])
        else:
            _check_variable(findings, where, path)


def _check_variable(findings: Findings, where: Where, path: SecretPath) -> None:
    """Check a declared variable. The value of one that steps set is not known yet."""
    if path[0] not in findings.scenario.variables:
        return
    node, rest = find(findings.root, ("variables", *path))
    if rest:
        if isinstance(node.value, dict):
            findings.error(where, f"the variable {path[0]!r} has no {'.'.join(map(str, rest))!r}")
        return
    for inner in walk_nodes(node):
        if any(_is_short(text) for text in ([] if isinstance(inner.value, dict | tuple) else scalars(inner.value))):
            findings.warning(inner.where, _short_message(".".join(map(str, inner.where[1:]))), _ADVICE)


def _check_columns(findings: Findings, where: Where, path: SecretPath, columns: tuple[str, ...]) -> None:
    if len(path) > 1 and path[1] not in columns:
        advice = did_you_mean(path[1], columns) or f"columns are {', '.join(columns)}"
        findings.error(where, f"the data {path[0]!r} has no column {path[1]!r}", advice)
        return
    wanted = path[1:2] or columns
    short = [column for column in wanted if any(_is_short(text) for text in _column(findings, path[0], column))]
    if short:
        findings.warning(where, _short_message(", ".join(f"{path[0]}.{column}" for column in short)), _ADVICE)


def _column(findings: Findings, source: str, column: str) -> Iterator[str]:
    """Yield the first values of a column."""
    try:
        feed = open_feed(findings.scenario.data[source], findings.base)
        for row in islice(feed.rows(), LOOKED_AT):
            yield from scalars(row[column])
    except DataError:  # told by the check of data
        return


def _is_short(text: str) -> bool:
    return len(text.strip()) > 0 and len(text) < SHORTEST and "{{" not in text


def _short_message(name: str) -> str:
    return f"the secret {name!r} has fewer than {SHORTEST} characters, so it is masked only where it is a whole value"
