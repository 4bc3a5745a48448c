"""Words that make a sentence a riddle are in no docstring, document, help text or message.

These are: who and whom for things, "a second" for "per second", and the passive "it is said". Docstrings and comments must
avoid more of them than documents, which may quote users.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

_ENDINGS = {".py", ".md", ".j2", ".jinja", ".html", ".yaml"}
_FILES = [
    *(path for path in ROOT.glob("loadws/**/*") if path.suffix in _ENDINGS),
    *(path for path in ROOT.glob("scenarios/*.*") if path.suffix != ".wav"),
    ROOT / "README.md",
]
_OF_TESTS = [
    *(path for folder in ("kit", "truth", "bench", "stats") for path in ROOT.glob(f"tests/{folder}/**/*.py")),
    ROOT / "tests" / "conftest.py",
]
_SOURCES = [*(path for path in _FILES if path.suffix == ".py"), *_OF_TESTS]
_QUANTITIES = (
    "messages|arrivals|requests|bytes|events|errors|turns|frames?|times?|users|connections|ticks|once|twice|many|each"
)
_RIDDLES = re.compile(
    rf"\b(?:whoever|whomever|whom|nobody)\b|\b(?:{_QUANTITIES}|\d+) a second\b(?! signal)"
    r"|\b(?:some|any|every)body\b|\b(?:came|becomes?|became|said|told) of\b|\b(?:runs|several) a side\b|, for (?:it|they) ",
    re.IGNORECASE,
)
_PEOPLE = "".join(
    rf"(?<!\b{each} )"
    for each in ("users", "user", "people", "People", "person", "readers", "reader", "author", "those")
)
#: In docstrings and comments alone: a document may say what "was told", and ask who.
_RIDDLES_OF_SOURCES = re.compile(
    rf"{_PEOPLE}\bwho\b"
    r"|\b(?:some|any|every)body\b"
    r"|\b(?:is|are|was|were|be|been) (?:said|told)\b(?! (?:apart|from))"
    r"|\b(?:says?|said|tells?|told|knows?|known) of\b"
    r"|\bc(?:o|a)mes? of\b|\bbec(?:o|a)mes? of\b|\bwhat (?:\w+ ){1,3}c(?:o|a)mes? to\b"
    r"|^(?:#:? )?So (?:many|much|long|often)\b"
    r"|\bof now\b|\bheld against\b|, for (?:it|they) "
    r"|\b(?:runs|several|one|windows|trips?|connections opened|steps) a (?:side|draw|round trip|second)\b"
)


def riddles(text: str) -> list[str]:
    """Return the lines that have such a word; a quantity may stand at the end of the line before."""
    return [line for line in re.sub(r"\n\s*(?:#:? )?", "\n", text).splitlines() if _RIDDLES.search(line)]


def prose(source: str) -> Iterator[str]:
    """Yield the lines of docstrings and comments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (ast.get_docstring(node) or "").splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def riddles_of_source(source: str) -> list[str]:
    return [line for line in prose(source) if _RIDDLES_OF_SOURCES.search(line) or _RIDDLES.search(line)]


@pytest.mark.parametrize("folder", sorted({path.relative_to(ROOT).parent for path in _FILES}), ids=str)
def test_no_riddles(folder: Path) -> None:
    found = [
        f"{path.name}: {line}" for path in _FILES if path.parent == ROOT / folder for line in riddles(path.read_text())
    ]
    assert found == []


@pytest.mark.slow
def test_no_riddles_in_docstrings_and_comments() -> None:
    """Names of tests and their own docstrings may tell of the world; the tests' tools are read as loadws is."""
    found = [
        f"{path.relative_to(ROOT)}: {line}" for path in _SOURCES for line in riddles_of_source(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nobody waits here any more.", 1),
        ("whom to trust", 1),
        ("20 messages a second", 1),
        ("looked at once a second", 1),
        ("10 a second", 1),
        ("a second opinion, within a second, a tenth of a second", 0),
        ("20 messages per second", 0),
        ("what became of it, what came of a run, what is said of a message", 1),
        ("Is anybody there?", 1),
        ("With five runs a side", 1),
        ("It stays, for it is the server's.", 1),
    ],
)
def test_what_is_a_riddle(text: str, expected: int) -> None:
    assert len(riddles(text)) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Who waits for a message is woken.", 0),  # a capital begins a question, too
        ("Tell a process who waits.", 1),
        ("Return the users who left.", 0),
        ("A step that fails is told at the end.", 1),
        ("Two users are told apart by their numbers.", 0),
        ("What reports say of a run.", 1),
        ("Return what the run came to.", 1),
        ("What becomes of a message.", 1),
        ("So many handshakes may be under way.", 1),
        ("The connection of now.", 1),
        ("The ledger is held against the target's counts.", 1),
        ("Wait, for it may still come.", 1),
        ("With several a side the comparison is stronger.", 1),
        ("Return the number of steps in a draw; compare several runs on each side.", 0),
    ],
)
def test_what_is_a_riddle_in_a_docstring(sentence: str, expected: int) -> None:
    assert len(riddles_of_source(f'"""{sentence}"""\n')) == expected
    assert len(riddles_of_source(f"# {sentence}\n")) == expected


#: A class is a thing, and its docstring names it: none begins with what the thing does, or with a question.
_NO_NOUN = re.compile(
    r"(?:Adds|Calls|Checks|Closes|Compiles|Copies|Draws|Finds|Follows|Gives|Hides|Keeps|Knows|Listens|Looks|Makes|Opens|Prints"
    r"|Puts|Reads|Receives|Runs(?! of)|Says|Sends|Serves|Shows|Starts|Sums|Takes|Tells|Tries|Turns(?! of)|Writes|Who)\b"
)


@pytest.mark.slow
def test_a_class_is_described_by_a_noun() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in _SOURCES
        if path.is_relative_to(ROOT / "loadws")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and _NO_NOUN.match(ast.get_docstring(node) or "")
    ]
    assert found == []
