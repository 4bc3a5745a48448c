"""The headers of an upgrade: the connection's own, and what the step adds or replaces, whatever the case of their names.

``origin`` and ``cookies`` are headers too, with keys of their own. Cookies go into the one header Cookie that there may be,
after what ``headers`` say of it.
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
    """``constant``: it makes the same headers for everybody."""

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
    """With more in the header Cookie: one that is there already comes first."""
    said = [value for name, value in headers if name.lower() == "cookie"]
    others = tuple(header for header in headers if header[0].lower() != "cookie")
    return (*others, ("Cookie", "; ".join([*said, cookie])))


def _named(part: ConnectionOptions | ConnectBody) -> list[tuple[str, str]]:
    origin = [] if part.origin is None else [("Origin", part.origin)]
    return [*part.headers.items(), *origin]
