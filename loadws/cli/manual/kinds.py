"""The tables of error kinds on the page ``errors``, made from ``loadws.terms.failures`` whenever the page is shown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from loadws.terms.failures import KINDS, OF_HTTP_STEPS
from loadws.terms.parties import Party, party_of

#: The mark on the page that the tables replace.
MARK = "<!-- error kinds -->\n"
_PARTIES = {
    Party.GENERATOR: "this machine",
    Party.SCENARIO: "the scenario",
    Party.NETWORK: "the network",
    Party.SERVER: "the server",
}
#: Families of failures to connect or to make an HTTP request: only for these is it known how far the attempt came.
_ATTEMPTS = frozenset({"dns", "tcp", "proxy", "tls", "upgrade", "http", "lost"})


def fill_kinds(text: str) -> str:
    """Return a page with its mark replaced by one section for each family of kinds."""
    return text.replace(MARK, "\n".join(_sections()) + "\n") if MARK in text else text


def _sections() -> Iterator[str]:
    for family, kinds in groupby(KINDS, key=lambda kind: kind.partition(".")[0]):
        yield from (f"### {family}", "")
        yield from ("| kind | where it failed | meaning | what to do |", "| --- | --- | --- | --- |")
        for kind in kinds:
            failure = KINDS[kind]
            where = _PARTIES[party_of(kind)] if family in _ATTEMPTS else ""
            yield f"| `{kind}` | {where} | {_cell(failure.meaning)} | {_cell(failure.advice)} |"
            if (of_step := OF_HTTP_STEPS.get(kind)) is not None:
                yield f"| `{kind}` of an http step | {where} | {_cell(of_step.meaning)} | {_cell(of_step.advice)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
