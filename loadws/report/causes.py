"""What went wrong, in words: each kind of error and each close code with its meaning and what to do about it.

A kind is looked up whole, then by its front (``http.418`` finds ``http``), so that a kind without an entry of its
own is still explained.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    meaning: str
    advice: str = ""


_TIMEOUT_ADVICE = "Look at what the server was busy with; a longer deadline only hides it."

KINDS: dict[str, Cause] = {
    "dns": Cause(
        "the name of the target could not be resolved", "Check the target's host name and this machine's resolver."
    ),
    "dns.not_found": Cause("the target's name does not exist", "Check the host name in `target`."),
    "dns.timeout": Cause(
        "the resolver did not answer in time", "Check this machine's resolver, or name the target by address."
    ),
    "tcp": Cause("no TCP connection came about"),
    "tcp.refused": Cause(
        "nothing listens at the target's address, or its backlog is full",
        "Check host and port; under load, raise the server's listen backlog (somaxconn).",
    ),
    "tcp.reset": Cause(
        "the TCP connection was reset while it was opened", "Look for a full backlog or a firewall in between."
    ),
    "tcp.unreachable": Cause("there is no route to the target", "Check the address, the network and the firewall."),
    "tcp.timeout": Cause(
        "TCP was not opened in time", "A firewall that drops packets, or a server whose backlog is full."
    ),
    "tcp.no_ports": Cause(
        "this machine ran out of local ports towards the target",
        "Name more of its addresses in connection.source_addresses, widen net.ipv4.ip_local_port_range, use fewer "
        "connections, or wait for TIME_WAIT to pass.",
    ),
    "tcp.source_address": Cause(
        "a source address is not one of this machine, or not of the target's family",
        "Compare connection.source_addresses with the machine's addresses (`ip address`).",
    ),
    "tcp.file_limit": Cause(
        "this process ran out of open files", "Raise the hard limit (`ulimit -Hn`) or use fewer users."
    ),
    "tcp.cut_off": Cause("the run ended while TCP was being opened"),
    "proxy": Cause("there was no way through the proxy", "Check `proxy`, and whether the proxy reaches the target."),
    "proxy.not_found": Cause("the proxy's name does not exist", "Check the host name in `proxy`."),
    "proxy.refused": Cause("nothing listens at the proxy's address", "Check host and port in `proxy`."),
    "proxy.unreachable": Cause("there is no route to the proxy", "Check its address, the network and the firewall."),
    "proxy.untrusted": Cause(
        "the certificate of the proxy itself is not trusted", "Name the CA that signed it in `connection.tls.ca`."
    ),
    "proxy.tls": Cause(
        "the TLS handshake with the proxy failed", "Say http:// where the proxy itself speaks plain HTTP."
    ),
    "proxy.auth": Cause(
        "the proxy does not take the user and password that it was given",
        "Write them in `proxy`: http://user:password@host:port.",
    ),
    "proxy.status": Cause(
        "the proxy would not, or could not, connect to the target",
        "The example has its answer: look at its rules, and whether it reaches the target.",
    ),
    "proxy.not_proxy": Cause(
        "what answered was no proxy of this kind", "Check the port, and http:// against https:// and socks5://."
    ),
    "proxy.closed": Cause(
        "the proxy closed TCP before its tunnel was open", "Look into its log; it may have a limit of connections."
    ),
    "proxy.timeout": Cause(
        "the proxy did not open its tunnel in time", "See whether it reaches the target, and how busy it is."
    ),
    "proxy.cut_off": Cause("the run ended while the proxy was opening its tunnel"),
    "tls": Cause("the TLS handshake failed", "Check the certificate, the protocol versions and `connection.tls`."),
    "tls.untrusted": Cause(
        "the server's certificate is not trusted", "Name the CA that signed it in `connection.tls.ca`."
    ),
    "tls.wrong_host": Cause(
        "the server's certificate is for another name",
        "Name the server as its certificate does: in `target`, or in `connection.tls.server_name`.",
    ),
    "tls.expired": Cause(
        "the server's certificate has expired, or is not valid yet",
        "Renew it, and check the clocks of both machines.",
    ),
    "tls.version": Cause(
        "client and server have no TLS version in common",
        "Compare `connection.tls.minimum_version` with what the server speaks.",
    ),
    "tls.certificate_required": Cause(
        "the server wants a client certificate", "Name one in `connection.tls`: certificate and key."
    ),
    "tls.certificate_rejected": Cause(
        "the server does not accept the client certificate",
        "See whether it has expired, and whether the server trusts the CA that signed it.",
    ),
    "tls.refused": Cause(
        "the server refused the TLS handshake with an alert",
        "No cipher in common, a name that it does not serve, or with TLS 1.2 a client certificate that it misses.",
    ),
    "tls.not_tls": Cause("what answered was not TLS", "Is this port a TLS port? Use ws:// where it is not."),
    "tls.closed": Cause(
        "the server closed during the TLS handshake", "Is this port a TLS port? Use ws:// where it is not."
    ),
    "tls.timeout": Cause(
        "the TLS handshake did not end in time", "TLS costs the server CPU: see whether it was at its limit."
    ),
    "upgrade": Cause("the WebSocket handshake failed"),
    "upgrade.closed": Cause(
        "the server closed TCP before it answered the upgrade", "Look for its reason in the server's log."
    ),
    "upgrade.not_http": Cause("what answered was not HTTP", "Check the port, and ws:// against wss://."),
    "upgrade.bad_accept": Cause(
        "the answer's Sec-WebSocket-Accept was wrong",
        "Something between, or the server itself, does not speak RFC 6455.",
    ),
    "upgrade.bad_subprotocol": Cause(
        "the server chose a subprotocol that was not offered", "Compare `connection.subprotocols` with the server's."
    ),
    "upgrade.too_large": Cause("the answer to the upgrade was too large"),
    "upgrade.timeout": Cause("the upgrade was not answered within `open_timeout`", _TIMEOUT_ADVICE),
    "upgrade.cut_off": Cause("the run ended while the upgrade was under way"),
    "http": Cause(
        "the server refused the upgrade with an HTTP status", "errors.ndjson has the refused body and headers."
    ),
    "http.301": Cause("the server redirected the upgrade", "Name the final address in `target`."),
    "http.302": Cause("the server redirected the upgrade", "Name the final address in `target`, or log in first."),
    "http.400": Cause("the server found the upgrade malformed", "Check headers and query in `connection`."),
    "http.401": Cause("the server wants credentials", "Send them in `connection.headers`, for example Authorization."),
    "http.403": Cause("the server forbids this", "Check credentials and the Origin header."),
    "http.404": Cause("there is no WebSocket at this path", "Check the path in `target` and in `connect`."),
    "http.429": Cause(
        "the server limits how often one may connect", "Lower the arrival rate, or lift the limit for the test."
    ),
    "http.500": Cause("the server failed inside", "Look into the server's log at that moment."),
    "http.502": Cause("a proxy found no working server behind it", "Look at the servers behind the proxy."),
    "http.503": Cause(
        "the server says that it is overloaded", "This is a capacity limit: compare with the rate at that moment."
    ),
    "http.504": Cause("a proxy waited in vain for the server behind it", "Look at the servers behind the proxy."),
    "timeout": Cause(
        "no answer came within the step's deadline",
        f"{_TIMEOUT_ADVICE} Where the ledger has unclaimed messages, no `where` fitted them: `--trace` says why.",
    ),
    "unanswered": Cause("the connection or the run ended before the answer came"),
    "backlog": Cause(
        "so many requests of one connection had no answer that another could not be told from them",
        "Give the replies a `where`, or let the flow fail at the first timeout.",
    ),
    "check": Cause("an answer was not what the scenario expects", "Compare the example with the step's check."),
    "capture": Cause("a capture found nothing in the answer", "Compare the example with the step's capture."),
    "unexpected": Cause("a message came that should not have come", "Compare it with the step's expect_none."),
    "closed": Cause("the server closed the connection while the user still needed it", "Look into the server's log."),
    "lost": Cause(
        "the connection broke without a close handshake (1006)", "Look for a crash, a restart or a proxy's limit."
    ),
    "lost.eof": Cause(
        "the server closed TCP without a close frame", "Look for a crash, a restart or a proxy's idle limit."
    ),
    "lost.reset": Cause("the server reset TCP", "Look for a crash of the server, or a proxy that gave up."),
    "lost.ping_timeout": Cause("a ping was not answered in time", "The server or the network stood still."),
    "lost.write_timeout": Cause("the server did not read for too long", "It is overloaded, or it stopped reading."),
    "lost.protocol.utf8": Cause(
        "the server sent text that is not UTF-8", "A defect of the server: send such data as binary."
    ),
    "lost.protocol.frame": Cause(
        "the server sent a frame that RFC 6455 forbids", "A defect of the server or of a proxy."
    ),
    "lost.protocol.too_large": Cause(
        "the server sent a message above `max_message_size`", "Raise connection.max_message_size if that is right."
    ),
    "close": Cause(
        "the connection ended otherwise than the step expected", "Compare the example with the close codes."
    ),
    "close_timeout": Cause(
        "the server never answered our close frame", "It was busy, or does not do closing handshakes."
    ),
    "handshake": Cause(
        "the upgrade was answered otherwise than the step expects", "Compare the example with `expect`."
    ),
    "already_open": Cause("the step connects where a connection is open already", "Close it first, in the scenario."),
    "not_connected": Cause(
        "the step needs a connection, and there was none", "See what became of it: the close codes."
    ),
    "handler_overflow": Cause(
        "messages came faster than the handlers were done with them",
        "Let the handlers do less, or the server send less.",
    ),
    "call": Cause("a Python function of the scenario did not do well", "The example has its name or its line."),
    "call.crashed": Cause(
        "a Python function of the scenario raised an exception", "The example has the line: mend it, or catch it there."
    ),
    "call.given_up": Cause(
        "a Python function of the scenario catches everything, also that its user leaves, so it was given up",
        "Catch Exception, or what you mean; a bare except: and BaseException catch cancellations too.",
    ),
    "call.blocked": Cause(
        "a Python function held up its process, and with it every user and every measurement there",
        "Let it wait by trio, or move what takes long into a thread: trio.to_thread.run_sync.",
    ),
    "count": Cause("a count has the name of one of loadws' own metrics", "Look at its template and at the example."),
    "record": Cause("what a record step was given is no number", "Look at its template and at the example."),
    "data_exhausted": Cause("a data source has fewer rows than users", "Add rows, or say `when_exhausted: repeat`."),
    "not_open": Cause("the connection had already ended when the step wanted it", "See why it ended: the close codes."),
    "template": Cause("a template could not be computed", "Check the variables that it uses."),
}

CLOSE_CODES: dict[int, str] = {
    1000: "normal closure",
    1001: "going away: a shutdown, or the page was left",
    1002: "protocol error",
    1003: "a kind of data that is not accepted",
    1005: "a close frame without a code",
    1006: "lost without a close frame",
    1007: "data that does not fit its type, such as text that is not UTF-8",
    1008: "policy violation",
    1009: "message too big",
    1010: "an extension that was needed was not negotiated",
    1011: "unexpected condition inside the server",
    1012: "service restart",
    1013: "try again later: overload",
    1014: "bad gateway",
    1015: "TLS handshake failed",
}

_ENDED_BY = {"us": "closed by us", "peer": "closed by the server", "lost": "lost"}


def explain(kind: str) -> Cause:
    """The cause for a kind of error; one without words where nothing is known of it."""
    if kind.startswith("closed.") and (meaning := _meaning_of_code(kind.removeprefix("closed."))):
        return Cause(f"the server closed the connection: {meaning}", KINDS["closed"].advice)
    front = kind
    while front:
        if front in KINDS:
            return KINDS[front]
        front = front.rpartition(".")[0]
    return Cause("")


def explain_close(key: str) -> tuple[str, str]:
    """A key of the ledger's ``close_codes`` -> who ended it, and what that means."""
    by, _, what = key.partition(".")
    ended = f"{_ENDED_BY.get(by, by)} {what}".strip()
    if by == "lost":
        return ended, explain(key).meaning
    return ended, _meaning_of_code(what)


def _meaning_of_code(code: str) -> str:
    if not code.isascii() or not code.isdigit():
        return CLOSE_CODES[1005] if code in ("", "none", "None") else ""
    number = int(code)
    if 4000 <= number <= 4999:
        return "a code of the application's own"
    if 3000 <= number <= 3999:
        return "a code registered by a library or framework"
    return CLOSE_CODES.get(number, "")
