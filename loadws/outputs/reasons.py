"""The reasons why a receiver did not take something, in words. Libraries wrap what went wrong in exceptions of their own.

The words name no class and no function of a library, because users know neither.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator

#: What TLS reports where the other side does not speak it.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_MOST_CAUSES = 20


def said(failure: BaseException, deadline_s: float | None = None) -> str:
    """Return the reason in words, without a full stop. ``deadline_s`` is how long the receiver had, where that is known."""
    for cause in _causes(failure):
        if words := _of(cause, deadline_s):
            return words
    return str(failure).rstrip(".") or type(failure).__name__


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all that it holds or came from, each once, the innermost first."""
    found: list[BaseException] = []
    waiting = [failure]
    while waiting and len(found) < _MOST_CAUSES:
        one = waiting.pop(0)
        if one in found:
            continue
        found.append(one)
        held = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [each for each in held if isinstance(each, BaseException)]
    yield from reversed(found)


def _of(cause: BaseException, deadline_s: float | None) -> str:
    """Return the words for one exception; empty where it has none of its own."""
    match cause:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {cause.verify_message}"
        case ssl.SSLError():
            reason = getattr(cause, "reason", None) or ""  # one that Python made itself has none
            why = f" ({reason.replace('_', ' ').lower()})" if reason else ""
            return "it does not speak TLS" if reason in _NOT_TLS else f"TLS failed{why}"
        case TimeoutError():
            return "it did not answer in time" if deadline_s is None else f"it did not answer within {deadline_s:g} s"
        case http.client.RemoteDisconnected():
            return "it closed the connection without an answer"
        case http.client.BadStatusLine() | http.client.UnknownProtocol() | http.client.LineTooLong():
            return "it does not answer in HTTP"
        case http.client.HTTPException():
            return "its answer is not whole"
        case OSError(strerror=str(strerror)) if strerror:
            return strerror.rstrip(".")
    return ""
