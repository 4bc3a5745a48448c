"""Explain indentation that YAML refuses: which line is indented by how many spaces, and which line above does not fit.

The parser names a token that it did not expect; a reader needs the two lines that do not fit together.
"""

from __future__ import annotations

import re

import msgspec

#: Dashes, then a key or what else begins the line's content.
_LINE = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)*)(?P<key>[^\s#][^:#]*?)?(?P<colon>:(?= |$))?(?P<value> .*)?$")
_UNEXPECTED = re.compile(r"expected <block end>|expected '<document start>'")


class _Begin(msgspec.Struct, frozen=True):
    """The beginning of a list item or a key in a line. ``column`` counts from 0, ``line`` from 1."""

    column: int
    line: int
    word: str
    has_value: bool = False


def wrong_indentation(text: str, offset: int, problem: str) -> tuple[str, str]:
    """Return message and advice where an error of the parser is one of indentation; two empty texts where it is not."""
    line_start = text.rfind("\n", 0, offset) + 1
    line = text[line_start:].partition("\n")[0]
    is_first_colon = "mapping values are not allowed" in problem and _is_key(text[line_start:offset])
    if not is_first_colon and not _UNEXPECTED.search(problem):
        return "", ""
    begins = _open_blocks(text[:line_start])
    column = len(line) - len(line.lstrip(" "))
    if not begins or any(begin.column == column for begin in begins[-1:]):
        return "", ""
    near = min(reversed(begins), key=lambda begin: abs(begin.column - column))
    message = f"this line is indented by {_spaces(column)}, and {near.word!r} in line {near.line} by {near.column}"
    return message, _advice(near, column)


def _advice(near: _Begin, column: int) -> str:
    same = f"indent it by {near.column} too"
    if near.has_value and column > near.column:
        return f"{same}; or, if it belongs to {near.word!r}, write what stands behind that colon below it, too"
    return f"{same}; lines of one block begin at the same column"


def _is_key(before_colon: str) -> bool:
    match = _LINE.match(before_colon)
    return bool(match and match["key"] and ":" not in before_colon)


def _open_blocks(above: str) -> list[_Begin]:
    """Return the blocks that are still open at the end of the lines above, outer before inner."""
    blocks: list[_Begin] = []
    for number, line in enumerate(above.splitlines(), 1):
        match = _LINE.match(line)
        if not match or not line.strip() or line.lstrip().startswith("#"):
            continue
        begins = list(_begins(match, number))
        if begins:
            blocks = [block for block in blocks if block.column < begins[0].column] + begins
    return blocks


def _begins(match: re.Match[str], number: int) -> list[_Begin]:
    indent, key = len(match["indent"]), (match["key"] or "").strip()
    found = [_Begin(indent + dash.start(), number, f"- {key}".rstrip()) for dash in re.finditer("-", match["dashes"])]
    if key and match["colon"]:
        has_value = bool((match["value"] or "").split("#")[0].strip())
        found.append(_Begin(indent + len(match["dashes"]), number, key, has_value))
    return found


def _spaces(count: int) -> str:
    return "1 space" if count == 1 else f"{count} spaces"
