"""Check the addresses of ``http`` steps."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.step_names import walk_around, walk_steps
from loadws.scenario.model.steps import HttpStep
from loadws.terms.addresses import UNIX_SCHEME, split_address, split_authority

_EXAMPLE = "write http://..., https://..., or a path on the target's host: /..."


def check_http(findings: Findings) -> None:
    """Check the addresses of all ``http`` steps, as far as they are known before the run."""
    is_unix = findings.scenario.target.startswith(f"{UNIX_SCHEME}:")
    for where, step in (*walk_steps(findings.scenario), *walk_around(findings.scenario)):
        if not isinstance(step, HttpStep):
            continue
        place = (*where, "http", step.http.method)
        if is_unix and step.http.url.startswith("/"):
            findings.error(place, "a path alone is on the target's host, and the target is a unix socket", _EXAMPLE)
        elif wrong := _wrong_address(step.http.url):
            findings.error(place, wrong, _EXAMPLE)


def _wrong_address(url: str) -> str | None:
    """Return what is wrong with an address; of one with a template only what stands before it can be judged."""
    if url.startswith(("/", "{{")):
        return None
    if not url.lower().startswith(("http://", "https://")):
        return f"{url[:60]!r} is no address for HTTP"
    known, template, _ = url.partition("{{")
    try:
        authority = split_address(known).authority
        if not template or authority != known.partition("://")[2]:
            split_authority(authority)
    except ValueError as error:
        return str(error)
    return None
