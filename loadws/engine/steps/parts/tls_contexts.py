"""TLS contexts: ``tls`` of a connect -> the context, server name and session memory that its connections are opened with.

Where ``tls`` is constant, all connections of the process share one context. A client certificate from a data file has a
context of its own, because OpenSSL keeps the two together. The contexts used last are kept, so that a user that returns
finds its own and can resume its TLS session.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from pathlib import Path

from loadws.scenario.model.connection import TLS_TEMPLATES, Tls
from loadws.scenario.model.tls import TlsFileError, TlsSettings, make_context
from loadws.scenario.template.template import Compiled, EvaluationError, Scope, compile_template

#: Contexts of users' own certificates that are kept: about 30 KB each. An open connection keeps its own all the same.
MOST_KEPT = 500


class Contexts:
    """The TLS contexts of a process, each made once. The scenario's files are relative to ``base``."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._shared: dict[TlsSettings, ssl.SSLContext] = {}
        self._of_users: OrderedDict[TlsSettings, ssl.SSLContext] = OrderedDict()

    def shared(self, settings: TlsSettings) -> ssl.SSLContext | None:
        """Return the context for these settings; None for no settings: the transport's default applies.

        Raises ``TlsFileError``.
        """
        if settings == TlsSettings():
            return None
        if settings not in self._shared:
            self._shared[settings] = make_context(settings, self._base)
        return self._shared[settings]

    def of_user(self, settings: TlsSettings) -> ssl.SSLContext:
        """Return the context of a user's own certificate, in about a millisecond if it is new. Raises ``TlsFileError``."""
        if settings not in self._of_users:
            self._of_users[settings] = make_context(settings, self._base, is_one_of_many=True)
            if len(self._of_users) > MOST_KEPT:
                self._of_users.popitem(last=False)
        self._of_users.move_to_end(settings)
        return self._of_users[settings]


class Securing:
    """The compiled ``tls`` of one connect step. ``is_constant``: it is the same for every user."""

    def __init__(self, tls: Tls, contexts: Contexts) -> None:
        """Compile it. Raises ``TlsFileError`` for files that are the same for every user."""
        self.resumes = tls.resume
        self.presents_certificate = tls.certificate is not None
        self._tls = tls
        self._contexts = contexts
        texts = (getattr(tls, name) for name in TLS_TEMPLATES)
        self._texts: dict[str, Compiled] = {text: compile_template(text) for text in texts if text is not None}
        self.is_constant = all(text.constant for text in self._texts.values())
        self._is_shared = is_shared(tls)
        self._shared = contexts.shared(tls.settings(str)) if self._is_shared else None

    def context(self, scope: Scope) -> ssl.SSLContext | None:
        """Return the context for a scope.

        Raises:
            EvaluationError: A template has no value, or the user's own files cannot be used.
        """
        if self._is_shared:
            return self._shared
        try:
            return self._contexts.of_user(self._tls.settings(lambda text: self._texts[text].text(scope)))
        except TlsFileError as error:
            raise EvaluationError(str(error)) from None

    def server_name(self, scope: Scope) -> str | None:
        name = self._tls.server_name
        return None if name is None else self._texts[name].text(scope)


def is_shared(tls: Tls) -> bool:
    """Return whether one context serves every user."""
    texts = (tls.certificate, tls.key, tls.key_password)
    return all(compile_template(text).constant for text in texts if text is not None)


def shared_context(tls: Tls, base: Path) -> ssl.SSLContext | None:
    """Return the context that all users share: without the client certificate where that differs among users."""
    if not is_shared(tls):
        tls = tls.model_copy(update={"certificate": None, "key": None, "key_password": None})
    return Contexts(base).shared(tls.settings(str))
