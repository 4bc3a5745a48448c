"""``tls`` of a connect -> the context, the server name and the memory that its connections are opened with.

What is constant has one context for all connections of the process. A client certificate that comes from a data file has a
context of its own, since OpenSSL keeps the two together; those used last are kept, so that a user that comes back finds its
own, and can take up its TLS session.
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
    """A process's TLS contexts, each made once. ``base`` is the folder that the scenario's files are relative to."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._shared: dict[TlsSettings, ssl.SSLContext] = {}
        self._of_users: OrderedDict[TlsSettings, ssl.SSLContext] = OrderedDict()

    def shared(self, settings: TlsSettings) -> ssl.SSLContext | None:
        """None where nothing is said, and the transport's own default serves. Raises ``TlsFileError``."""
        if settings == TlsSettings():
            return None
        if settings not in self._shared:
            self._shared[settings] = make_context(settings, self._base)
        return self._shared[settings]

    def of_user(self, settings: TlsSettings) -> ssl.SSLContext:
        """Takes about a millisecond where it has to be made. Raises ``TlsFileError``."""
        if settings not in self._of_users:
            self._of_users[settings] = make_context(settings, self._base, is_one_of_many=True)
            if len(self._of_users) > MOST_KEPT:
                self._of_users.popitem(last=False)
        self._of_users.move_to_end(settings)
        return self._of_users[settings]


class Securing:
    """What one connect step says of TLS, compiled. ``is_constant``: the same for every user."""

    def __init__(self, tls: Tls, contexts: Contexts) -> None:
        """Raises ``TlsFileError`` for files that are the same for every user."""
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
        """Raises ``EvaluationError``, also where the user's own files cannot be used."""
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
    """Whether one context serves everybody."""
    texts = (tls.certificate, tls.key, tls.key_password)
    return all(compile_template(text).constant for text in texts if text is not None)


def shared_context(tls: Tls, base: Path) -> ssl.SSLContext | None:
    """For what users share although their certificates differ: without the certificate, then."""
    if not is_shared(tls):
        tls = tls.model_copy(update={"certificate": None, "key": None, "key_password": None})
    return Contexts(base).shared(tls.settings(str))
