"""``http`` steps: addresses that can be asked."""

from __future__ import annotations

from urllib.parse import urlsplit

from loadws.scenario.checks.findings import Findings
from loadws.scenario.labels import walk_around, walk_steps
from loadws.scenario.steps import HttpStep


def check_http(findings: Findings) -> None:
    for where, step in (*walk_steps(findings.scenario), *walk_around(findings.scenario)):
        if isinstance(step, HttpStep) and (wrong := _wrong_address(step.http.url)):
            findings.error((*where, "http", step.http.method), *wrong)


def _wrong_address(url: str) -> tuple[str, str] | None:
    """What is wrong with it, and advice; nothing can be said of one that begins with a template."""
    if url.startswith(("/", "{{")):
        return None
    if not url.startswith(("http://", "https://")):
        return (
            f"{url[:60]!r} is no address for HTTP",
            "write http://..., https://..., or a path on the target's host: /...",
        )
    try:
        host = urlsplit(url.partition("{{")[0]).hostname or "{{" in url
    except ValueError:
        host = None
    return None if host else (f"there is no host in {url[:60]!r}", "write http://HOST/...")
