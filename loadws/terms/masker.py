"""Hiding secret values in a text, however the text writes them.

A text is not searched for every way to write a secret; it is read in every way that a writer may have meant, and searched
for the secret itself. The readings ("views") are: as it stands; with backslash escapes read (JSON, Python, any depth of
JSON in JSON); with ``%`` escapes read (addresses, forms); with HTML's entities read; and one of these after another. A view
knows where each of its characters stands in the text, so a find in any view is a span of the text. Base64 and hexadecimal
are no escapes, so there the secret's own digits are looked for: of base64, those that no byte before or behind the secret
has a part in, for each of the three places that it can have among groups of three bytes.

All finds are collected before anything is replaced. So the longest of several secrets that overlap is masked whole, and no
part of the others is left.

Where a text was cut (it goes on with "…", or it ends), the beginning of a secret is hidden too.
"""

from __future__ import annotations

import base64
import codecs
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from loadws.terms.secrets import MASK, SHORTEST, Span, joined, without_spans

#: How many escapes of one text are read, in all views together. Each costs a microsecond, and a text could consist of them.
MOST_ESCAPES = 2_000
_BASE64_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
#: A text in quotes, of which short secrets may be the whole; not where it is a key.
_QUOTED = re.compile(r"""(?<=(["']))([^"']{1,3})(?=\1(?!\s*:))""")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_CUT = "…"
#: A text that just ends need not have been cut: "anna" is not taken for the beginning of "anna-lena".
LEAST_AT_THE_END = 8
#: Characters that may follow the last one that was kept: half of another one, a quote.
_BEHIND_A_CUT = "\ufffd\"' "


class _Written(msgspec.Struct, frozen=True):
    """A way to write a secret. ``before`` and ``after``: the characters beside it contain some bits of the secret."""

    text: str
    before: bool = False
    after: bool = False


class Masker:
    """Secret values, and the way to hide them in a text. An empty masker is false and leaves every text as it is.

    A value of fewer than ``SHORTEST`` characters is hidden only where it is the whole text, or everything between
    quotes.
    """

    __slots__ = ("_short", "_written", "values")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values: frozenset[str] = frozenset(value for value in values if value.strip())
        self._short = frozenset(value for value in self.values if len(value) < SHORTEST)
        self._written = tuple(_all_written(value for value in self.values if len(value) >= SHORTEST))

    def __bool__(self) -> bool:
        return bool(self.values)

    def adding(self, values: Iterable[str]) -> Masker:
        """Return a masker of these values too; this masker itself where it has them all."""
        more = Masker(value for value in values if value not in self.values)
        if not more:
            return self
        both = Masker()
        both.values = self.values | more.values
        both._short = self._short | more._short
        both._written = self._written + more._written
        return both

    def text(self, text: str, mask: str = MASK) -> str:
        """Return the text without the secrets."""
        spans = self.spans(text)
        return without_spans(text, spans, mask) if spans else text

    def spans(self, text: str) -> list[Span]:
        """Return where the text contains the secrets, in order and without overlaps."""
        if not self.values or not text:
            return []
        return joined(span for view in _views(text) for span in self._spans_in(view))

    def _spans_in(self, view: _View) -> Iterator[Span]:
        for written in self._written:
            at = view.text.find(written.text)
            while at >= 0:
                yield view.span(*_with_neighbours(view.text, at, written))
                at = view.text.find(written.text, at + 1)
        yield from self._cut_off(view)
        if self._short:
            yield from self._whole(view)

    def _cut_off(self, view: _View) -> Iterator[Span]:
        """Find the beginnings of secrets whose rest was cut off."""
        text = view.text
        last = len(text.rstrip(_BEHIND_A_CUT))
        ends = [(match.start(), SHORTEST) for match in re.finditer(_CUT, text)]
        for written in self._written:
            whole = len(written.text)
            for end, least in (*ends, (last, min(LEAST_AT_THE_END, whole - 1))):
                at = text.find(written.text[:SHORTEST], max(0, end - whole + 1), end - least + SHORTEST)
                while at >= 0 and not written.text.startswith(text[at:end]):
                    at = text.find(written.text[:SHORTEST], at + 1, end - least + SHORTEST)
                if at >= 0:
                    yield view.span(at, end)

    def _whole(self, view: _View) -> Iterator[Span]:
        if view.text.strip() in self._short:
            yield view.span(0, len(view.text))
        for match in _QUOTED.finditer(view.text):
            if match[2] in self._short:
                yield view.span(*match.span(2))


# -- how a secret is written ------------------------------------------------------------------------------------------


def _all_written(values: Iterable[str]) -> Iterator[_Written]:
    for value in values:
        for form in dict.fromkeys((value, value.strip(), value.replace(" ", "+"))):
            if len(form) >= SHORTEST:
                yield _Written(form)
        content = value.encode("utf-8", "surrogatepass")
        for text in (content.hex(), content.hex(" "), *_in_pairs(value)):
            yield _Written(text)
        for alignment in range(3):
            yield from _in_base64(content, alignment)


def _in_pairs(value: str) -> Iterator[str]:
    """Yield a hexadecimal secret as bytes are shown, because a binary message contains the bytes of what was captured
    as hex.
    """
    if len(value) % 2 == 0 and _HEXADECIMAL.fullmatch(value):
        yield bytes.fromhex(value).hex(" ")


def _in_base64(content: bytes, alignment: int) -> Iterator[_Written]:
    """Yield the digits that the content alone determines, where ``alignment`` bytes of a group of three precede it."""
    bits = 8 * (alignment + len(content))
    first, last = -(-8 * alignment // 6), bits // 6
    digits = base64.b64encode(bytes(alignment) + content).decode("ascii")[first:last]
    for text in dict.fromkeys((digits, digits.translate({ord("+"): "-", ord("/"): "_"}))):
        if len(text) >= SHORTEST:
            yield _Written(text, before=alignment > 0, after=bits % 6 > 0)


def _with_neighbours(text: str, at: int, written: _Written) -> Span:
    start, end = at, at + len(written.text)
    if written.before and start and text[start - 1] in _BASE64_CHARACTERS:
        start -= 1
    if written.after and end < len(text) and text[end] in _BASE64_CHARACTERS:
        end += 1
    return start, end


# -- how a text can be read -------------------------------------------------------------------------------------------


class _View(msgspec.Struct, frozen=True):
    """A reading of a text. ``at[i]`` is where its character ``i`` begins in the text; one more entry is the text's end."""

    text: str
    at: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        return self.at[start], self.at[end]


def _views(text: str) -> Iterator[_View]:
    """Yield the text as it is, and each other reading of it once, the nearest first."""
    waiting = [_View(text, range(len(text) + 1))]
    known = {text}
    left = MOST_ESCAPES
    for view in waiting:  # grows while it is gone through
        yield view
        for sign, pattern, meant in _ESCAPES:
            if sign not in view.text or left <= 0:
                continue
            matches = list(pattern.finditer(view.text))
            left -= len(matches)
            read = _read(view, matches, meant)
            if read.text not in known:
                known.add(read.text)
                waiting.append(read)


#: The meaning of an escape: each character, and how many of the escape's own characters represent it.
_Meaning = Iterable[tuple[str, int]]


def _read(view: _View, escapes: list[re.Match[str]], meant: Callable[[re.Match[str]], _Meaning]) -> _View:
    parts: list[str] = []
    at: list[int] = []
    done = 0
    for escape in escapes:
        start = escape.start()
        parts.append(view.text[done:start])
        at += view.at[done:start]
        for character, length in meant(escape):
            parts.append(character)
            at += [view.at[start]] * len(character)
            start += length
        done = escape.end()
    parts.append(view.text[done:])
    at += view.at[done:]
    return _View("".join(parts), at)


_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "a": "\a", "0": "\0"}
#: Where a text was cut, half an escape may be left. It means nothing.
_AT_A_CUT = rf"(?=\s?{_CUT}|[{_BEHIND_A_CUT}]*$)"


def _after_backslash(match: re.Match[str]) -> _Meaning:
    escape = match[0]
    if match["broken"] is not None:
        return ()
    letter = escape[1]
    if letter not in "uUx" or len(escape) == 2:
        return [(_LETTERS.get(letter, letter), len(escape))]
    units = [int(digits, 16) for digits in re.findall(r"\\[uUx]([0-9a-fA-F]+)", escape)]
    if len(units) == 2:  # a pair of surrogates
        return [(chr(0x10000 + (units[0] - 0xD800 << 10) + units[1] - 0xDC00), len(escape))]
    return [(chr(units[0]) if units[0] <= 0x10FFFF else "\ufffd", len(escape))]


def _after_percent(match: re.Match[str]) -> _Meaning:
    """Return the meaning of a run of percent-encoded bytes: as UTF-8, whose last character may be cut, else byte by byte."""
    content = bytes.fromhex(match["bytes"].replace("%", ""))
    is_cut = match["cut"] is not None
    try:
        characters = codecs.getincrementaldecoder("utf-8")().decode(content, final=not is_cut)
    except UnicodeDecodeError:
        return [(character, 3) for character in content.decode("latin-1")]
    return [(character, 3 * len(character.encode())) for character in characters]


def _entity(match: re.Match[str]) -> _Meaning:
    return () if match["broken"] is not None else [(html.unescape(match[0]), len(match[0]))]


#: The character that every such escape contains, its pattern, and its meaning.
_ESCAPES: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], _Meaning]], ...] = (
    (
        "\\",
        re.compile(
            r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
            r"|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}"
            rf"|\\[^\s\w{_CUT}]|\\[bfnrtva0]|(?P<broken>\\(?:[uUx][0-9a-fA-F]{{0,7}})?{_AT_A_CUT})"
        ),
        _after_backslash,
    ),
    (
        "%",
        re.compile(rf"(?=%)(?P<bytes>(?:%[0-9a-fA-F]{{2}})*)(?P<cut>(?:%[0-9a-fA-F]?)?{_AT_A_CUT})?"),
        _after_percent,
    ),
    (
        "&",
        re.compile(
            rf"&(?:#\d{{1,7}}|#[xX][0-9a-fA-F]{{1,6}}|amp|lt|gt|quot|apos);|(?P<broken>&[#\w]{{0,7}}{_AT_A_CUT})"
        ),
        _entity,
    ),
)
