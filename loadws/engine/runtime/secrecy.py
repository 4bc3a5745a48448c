"""Secrets during a load: those of the run, and those of each user.

A secret that a user captures, reads from its row, or sends in a secret header belongs to that user. It is masked in
each text that leaves the user (an error, a log line, a counter's name, a line of the trace), and forgotten with the
user; there is no list of all users' secrets. Masking is not on the path of a message: values are kept when they are
set, and searched for when there is a text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from loadws.scenario.matching.capture import compile_captures
from loadws.scenario.matching.extract import Handshake, Place
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.message import Message
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_around, walk_steps
from loadws.scenario.model.steps.parts import CaptureSet
from loadws.scenario.secrecy.secrets import SecretPath, secret_paths, secrets_in
from loadws.terms.masker import Masker
from loadws.terms.secrets import SHORTEST, address_secrets, header_secrets, scalars

#: How many values of one secret a user remembers: a server may mention a token that has been renewed since.
MOST_VALUES = 4
#: How many counters' names a user remembers.
MOST_NAMES = 16
_NOTHING: tuple[str, ...] = ()

Headers = Iterable[tuple[str, str]]


class RunSecrets(msgspec.Struct, frozen=True):
    """The secrets that all users of a process share, and where to find more during the run.

    ``paths`` are the JSONPaths of ``secrets``; ``places`` are those in messages that secret variables are captured
    from, and ``headers`` those of them that are headers, in lower case.
    """

    masker: Masker = msgspec.field(default_factory=Masker)
    paths: tuple[SecretPath, ...] = ()
    places: tuple[Place, ...] = ()
    headers: frozenset[str] = frozenset()

    def found_in(self, message: Message) -> list[str]:
        """Return the values in a message that some capture takes as a secret, whether or not a step captures from this
        message.
        """
        found: list[str] = []
        for place in self.places:
            value = place.find(message)
            if value is not MISSING:
                found += scalars(value)
        return found


def run_secrets(scenario: Scenario, masker: Masker, shared: Mapping[str, Any]) -> RunSecrets:
    """Return the secrets of a process's users. ``shared`` are the variables that setup has set, which all users share."""
    paths = secret_paths(scenario.secrets)
    named = {path[0] for path in paths}
    captured = [
        place
        for captures in _captures(scenario)
        for name, place in compile_captures(captures).places.items()
        if name in named
    ]
    headers = frozenset(place.header for place in captured if place.header is not None)
    return RunSecrets(masker.adding(secrets_in(shared, paths)), paths, tuple(captured), headers)


def _captures(scenario: Scenario) -> Iterator[Mapping[str, Any]]:
    for _, step in (*walk_steps(scenario), *walk_around(scenario)):
        yield from (part.captures or {} for part in step.parts() if isinstance(part, CaptureSet))
    for user_type in scenario.user_types:
        for handler in user_type.on.message:
            yield handler.capture or {}


class UserSecrets:
    """The secrets of one user: the last few values of each."""

    __slots__ = ("_kept", "_masked_names", "_run")

    def __init__(self, run: RunSecrets) -> None:
        self._run = run
        self._kept: dict[str, deque[Any]] | None = None  # there may be many users, and most scenarios have no secrets
        self._masked_names: dict[str, str] | None = None

    def masker(self) -> Masker:
        """Return the masker of the run's secrets and the user's own."""
        return self._run.masker.adding(self._values()) if self._kept else self._run.masker

    def name(self, name: str) -> str:
        """Return a counter's name without secrets. Users count under the same few names, so the last ones are
        remembered.
        """
        if not (self._kept or self._run.masker):
            return name
        if self._masked_names is None or len(self._masked_names) >= MOST_NAMES:
            self._masked_names = {}
        masked = self._masked_names.get(name)
        if masked is None:
            masked = self._masked_names[name] = self.masker().text(name)
        return masked

    def _values(self) -> Iterator[str]:
        for kept in (self._kept or {}).values():
            yield from scalars(list(kept))

    # -- learning them ----------------------------------------------------------------------------------

    def remember(self, variables: Mapping[str, Any]) -> None:
        """Keep the values that the secret variables have now."""
        for path in self._run.paths:
            value = variables.get(path[0])
            for key in path[1:]:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is not None:
                self._keep(".".join(path), value)

    def sent(self, headers: Headers, url: str, proxy: str | None = None) -> bool:
        """Keep the secrets in what a request sends to the server or a proxy; return whether it had any."""
        found = (*header_secrets(headers), *address_secrets(url), *address_secrets(proxy or ""))
        self._keep_parts("(sent)", found)
        return bool(found)

    def received(self, headers: Headers) -> None:
        """Keep the secrets in the head of an answer: cookies, tokens in secret headers."""
        self._keep_parts("(received)", header_secrets(headers))

    def cookies(self, cookies: Iterable[tuple[str, str]]) -> None:
        """Keep the values of the cookies that the user has."""
        self._keep_parts("(cookies)", (value for _, value in cookies))

    def _keep_parts(self, what: str, values: Iterable[str]) -> None:
        """Keep the values, except short ones: the scenario does not declare that ``lang=en`` is a secret."""
        if long := tuple(value for value in values if len(value) >= SHORTEST):
            self._keep(what, long)

    def look_at(self, message: Message) -> None:
        """Keep the secrets of a message that a text is about to quote, whether or not a capture comes later."""
        if self._run.places and (found := self._run.found_in(message)):
            self._keep("(found)", tuple(found))

    def look_at_answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Learn the secrets in the answer to a handshake or an HTTP request, its cookies and tokens included."""
        pairs = tuple(headers)
        self.received(pairs)
        if self._run.places:
            self.look_at(Handshake.of(status, {name.lower(): value for name, value in pairs}, body))

    def _keep(self, what: str, value: Any) -> None:
        if self._kept is None:
            self._kept = {}
        kept = self._kept.setdefault(what, deque(maxlen=MOST_VALUES))
        if not kept or (kept[-1] is not value and kept[-1] != value):
            kept.append(value)
            self._masked_names = None
