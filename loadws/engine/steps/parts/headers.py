"""The headers of an upgrade: those of ``connection``, and those that the step adds or replaces, in any case of letters.

``origin`` and ``cookies`` have keys of their own. Cookies are put into the one header Cookie, after those that ``headers``
has there.
"""

from __future__ import annotations

from loadws.scenario.model.connection import ConnectionOptions
from loadws.scenario.model.steps import ConnectBody
from loadws.scenario.template.template import Compiled, Scope, compile_template

Headers = tuple[tuple[str, str], ...]
Templates = list[tuple[str, Compiled]]


def templates(texts: dict[str, str]) -> Templates:
    return [(name, compile_template(text)) for name, text in texts.items()]


class HeaderMaker:
    """A maker of headers for a scope. ``constant``: they are the same for every user."""

    def __init__(self, options: ConnectionOptions, body: ConnectBody) -> None:
        merged = {name.lower(): (name, text) for name, text in (*_named(options), *_named(body))}
        self._headers = templates(dict(merged.values()))
        self._cookies = templates({**options.cookies, **body.cookies})
        self.constant = all(template.constant for _, template in (*self._headers, *self._cookies))

    def made(self, scope: Scope) -> Headers:
        headers = tuple((name, template.text(scope)) for name, template in self._headers)
        if not self._cookies:
            return headers
        return with_cookie(headers, "; ".join(f"{name}={template.text(scope)}" for name, template in self._cookies))


def with_cookie(headers: Headers, cookie: str) -> Headers:
    """Return the headers with more cookies in the header Cookie, after those that it already has."""
    said = [value for name, value in headers if name.lower() == "cookie"]
    others = tuple(header for header in headers if header[0].lower() != "cookie")
    return (*others, ("Cookie", "; ".join([*said, cookie])))


def _named(part: ConnectionOptions | ConnectBody) -> list[tuple[str, str]]:
    origin = [] if part.origin is None else [("Origin", part.origin)]
    return [*part.headers.items(), *origin]
