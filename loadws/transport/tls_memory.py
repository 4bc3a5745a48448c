"""TLS sessions that one client remembers, so that its next handshake with the same server is short.

Browsers remember sessions for each client, and a virtual user is a client. So sessions are never shared between users:
the first handshake of a real second user is a full one.
"""

from __future__ import annotations

import ssl

Peer = tuple[str, int]  # the name that was asked for, and the port

#: How many servers one user remembers; the least recently used is forgotten. A session is 2 to 4 KB, mostly certificates.
MOST_REMEMBERED = 4


class TlsMemory:
    """The sessions of one user. Each belongs to its context and its peer: a certificate checked for one name proves no
    other.
    """

    __slots__ = ("_sessions",)

    def __init__(self) -> None:
        self._sessions: dict[Peer, tuple[ssl.SSLContext, ssl.SSLSession]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def session_for(self, context: ssl.SSLContext, peer: Peer) -> ssl.SSLSession | None:
        made_with, session = self._sessions.get(peer, (None, None))
        return session if made_with is context else None

    def keep(self, context: ssl.SSLContext, peer: Peer, session: ssl.SSLSession | None) -> None:
        """Keep a session in place of the previous one. Without a ticket or id from the server it cannot be resumed."""
        if session is None or not (session.has_ticket or session.id):
            return
        self._sessions.pop(peer, None)
        while len(self._sessions) >= MOST_REMEMBERED:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[peer] = (context, session)
