"""The catalogue of error kinds: each with its meaning and with what to do about it.

A kind is a family or ``family.member``: ``timeout``, ``tls.untrusted``, ``lost.protocol.utf8``. The members of ``http`` are
status codes and those of ``closed`` are close codes, so that not every member has an entry. Reports explain errors by this
table, ``validate`` checks the kinds that rules name against it, and the reference page prints it.
"""

from __future__ import annotations

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """The meaning of a kind of error, in a clause, and what to do about it, in sentences."""

    meaning: str
    advice: str = ""


_TIMEOUT_ADVICE = "Look at what the server was busy with; a longer deadline only hides it."

KINDS: dict[str, Failure] = {
    "dns": Failure(
        "the name of the target could not be resolved", "Check the target's host name and this machine's resolver."
    ),
    "dns.not_found": Failure("the target's name does not exist", "Check the host name in `target`."),
    "dns.timeout": Failure(
        "the resolver did not answer in time", "Check this machine's resolver, or name the target by address."
    ),
    "dns.failed": Failure("the resolver failed", "The example has its words; check this machine's resolver."),
    "dns.cut_off": Failure("the run ended while the name was being resolved"),
    "tcp": Failure("no TCP connection came about"),
    "tcp.refused": Failure(
        "nothing listens at the target's address, or its backlog is full",
        "Check host and port; under load, raise the server's listen backlog (somaxconn).",
    ),
    "tcp.reset": Failure(
        "the TCP connection was reset while it was opened", "Look for a full backlog or a firewall in between."
    ),
    "tcp.unreachable": Failure("there is no route to the target", "Check the address, the network and the firewall."),
    "tcp.timeout": Failure(
        "TCP was not opened in time", "A firewall that drops packets, or a server whose backlog is full."
    ),
    "tcp.no_ports": Failure(
        "this machine ran out of local ports towards the target",
        "Name more of its addresses in connection.source_addresses, widen net.ipv4.ip_local_port_range, use fewer "
        "connections, or wait for TIME_WAIT to pass.",
    ),
    "tcp.source_address": Failure(
        "a source address is not one of this machine, or not of the target's family",
        "Compare connection.source_addresses with the machine's addresses (`ip address`).",
    ),
    "tcp.file_limit": Failure(
        "this process ran out of open files", "Raise the hard limit (`ulimit -Hn`) or use fewer users."
    ),
    "tcp.no_memory": Failure(
        "this machine had no memory for another connection", "Use fewer users, or a machine with more memory."
    ),
    "tcp.failed": Failure("TCP could not be opened", "The example has the system's words."),
    "tcp.cut_off": Failure("the run ended while TCP was being opened"),
    "proxy": Failure("there was no way through the proxy", "Check `proxy`, and whether the proxy reaches the target."),
    "proxy.not_found": Failure("the proxy's name does not exist", "Check the host name in `proxy`."),
    "proxy.refused": Failure("nothing listens at the proxy's address", "Check host and port in `proxy`."),
    "proxy.unreachable": Failure("there is no route to the proxy", "Check its address, the network and the firewall."),
    "proxy.untrusted": Failure(
        "the certificate of the proxy itself is not trusted", "Name the CA that signed it in `connection.tls.ca`."
    ),
    "proxy.tls": Failure(
        "the TLS handshake with the proxy failed", "Say http:// where the proxy itself speaks plain HTTP."
    ),
    "proxy.auth": Failure(
        "the proxy does not take the user and password that it was given",
        "Write them in `proxy`: http://user:password@host:port.",
    ),
    "proxy.status": Failure(
        "the proxy would not, or could not, connect to the target",
        "The example has its answer: look at its rules, and whether it reaches the target.",
    ),
    "proxy.not_proxy": Failure(
        "what answered was no proxy of this kind", "Check the port, and http:// against https:// and socks5://."
    ),
    "proxy.closed": Failure(
        "the proxy closed TCP before its tunnel was open", "Look into its log; it may have a limit of connections."
    ),
    "proxy.timeout": Failure(
        "the proxy did not open its tunnel in time", "See whether it reaches the target, and how busy it is."
    ),
    "proxy.failed": Failure("the connection through the proxy failed", "The example has the system's words."),
    "proxy.cut_off": Failure("the run ended while the proxy was opening its tunnel"),
    "tls": Failure("the TLS handshake failed", "Check the certificate, the protocol versions and `connection.tls`."),
    "tls.untrusted": Failure(
        "the server's certificate is not trusted",
        "Name the CA that signed it in `connection.tls.ca`, or set `connection.tls.verify: false` for a test server.",
    ),
    "tls.wrong_host": Failure(
        "the server's certificate is for another name",
        "Name the server as its certificate does: in `target`, or in `connection.tls.server_name`.",
    ),
    "tls.expired": Failure(
        "the server's certificate has expired, or is not valid yet",
        "Renew it, and check the clocks of both machines.",
    ),
    "tls.version": Failure(
        "client and server have no TLS version in common",
        "Compare `connection.tls.minimum_version` with what the server speaks.",
    ),
    "tls.certificate_required": Failure(
        "the server wants a client certificate", "Name one in `connection.tls`: certificate and key."
    ),
    "tls.certificate_rejected": Failure(
        "the server does not accept the client certificate",
        "See whether it has expired, and whether the server trusts the CA that signed it.",
    ),
    "tls.refused": Failure(
        "the server refused the TLS handshake with an alert",
        "No cipher in common, a name that it does not serve, or with TLS 1.2 a client certificate that it misses.",
    ),
    "tls.not_tls": Failure(
        "what answered was not TLS", "Is this a port without TLS? Then the target is ws://, or http:// for a step."
    ),
    "tls.closed": Failure(
        "the server closed during the TLS handshake",
        "Is this a port without TLS? Then the target is ws://. Else look for the reason in the server's log.",
    ),
    "tls.timeout": Failure(
        "the TLS handshake did not end in time",
        "Is this a port without TLS? Then the target is ws://. TLS costs the server CPU: see whether it was at its limit.",
    ),
    "tls.failed": Failure("the TLS handshake failed otherwise", "The example has OpenSSL's words."),
    "tls.cut_off": Failure("the run ended during the TLS handshake"),
    "upgrade": Failure("the WebSocket handshake failed"),
    "upgrade.request": Failure(
        "the upgrade cannot be sent: its address, a header or a subprotocol is wrong",
        "The example says which; mostly it is what a template became.",
    ),
    "upgrade.closed": Failure(
        "the server closed TCP before it answered the upgrade",
        "Is this a TLS port? Then the target is wss://. Else look for the reason in the server's log.",
    ),
    "upgrade.not_http": Failure(
        "what answered was not HTTP", "Check the port: something else than a WebSocket server listens there."
    ),
    "upgrade.tls_port": Failure("what answered was TLS, and not plain HTTP", "Write wss:// in `target`."),
    "upgrade.malformed": Failure(
        "the answer to the upgrade breaks HTTP",
        "A defect of the server, or of a proxy between; the example says which.",
    ),
    "upgrade.no_upgrade": Failure(
        "the server answered 101 without `Upgrade: websocket`", "Something between may have removed the header."
    ),
    "upgrade.no_connection": Failure(
        "the server answered 101 without `Connection: Upgrade`", "Something between may have removed the header."
    ),
    "upgrade.bad_accept": Failure(
        "the answer's Sec-WebSocket-Accept was wrong",
        "Something between, or the server itself, does not speak RFC 6455.",
    ),
    "upgrade.bad_subprotocol": Failure(
        "the server chose a subprotocol that was not offered", "Compare `connection.subprotocols` with the server's."
    ),
    "upgrade.bad_extension": Failure(
        "the server chose an extension, or a parameter of one, that was not offered",
        "Compare `connection.compression` with the server's.",
    ),
    "upgrade.too_large": Failure("the answer to the upgrade was too large"),
    "upgrade.timeout": Failure("the upgrade was not answered within `open_timeout`", _TIMEOUT_ADVICE),
    "upgrade.failed": Failure("the upgrade failed otherwise", "The example says how."),
    "upgrade.cut_off": Failure("the run ended while the upgrade was under way"),
    "http": Failure(
        "the server answered an upgrade or an http step with this status",
        "errors.ndjson has the headers and the body of the answer.",
    ),
    "http.request": Failure(
        "the request of an http step cannot be sent: its address or a header is wrong",
        "The example says which; mostly it is what a template became.",
    ),
    "http.url": Failure(
        "an http step was redirected to something that cannot be asked", "The example has the Location of the answer."
    ),
    "http.not_followed": Failure(
        "an http step was redirected to where its request must not go",
        "Secrets stay with the server that they are for: name the final address in the step.",
    ),
    "http.not_http": Failure(
        "what answered an http step was not HTTP", "Check the port, and http:// against https://."
    ),
    "http.cut_short": Failure(
        "the connection ended within the answer to an http step", "Look for a crash of the server, or a proxy's limit."
    ),
    "http.encoding": Failure(
        "the body of an answer is not what its Content-Encoding says",
        "gzip and deflate are taken, at most two on one another. Else a defect of the server or of a proxy.",
    ),
    "http.redirects": Failure(
        "an http step was redirected more often than it follows", "Name the final address, or raise `redirects`."
    ),
    "http.too_large": Failure(
        "the answer to an http step was too large: 1 MiB of a decoded body are taken, 64 KiB of a head",
        "Ask for less of it.",
    ),
    "http.protocol": Failure(
        "the answer to an http step breaks HTTP",
        "A defect of the server, or of a proxy between; the example says which.",
    ),
    "http.301": Failure("the server redirected the upgrade", "Name the final address in `target`."),
    "http.302": Failure("the server redirected the upgrade", "Name the final address in `target`, or log in first."),
    "http.400": Failure(
        "the server found the request malformed",
        "Check the path first: some servers answer an unknown one with 400. Then headers, query and subprotocols.",
    ),
    "http.401": Failure(
        "the server wants credentials", "Send them in `connection.headers`, for example Authorization."
    ),
    "http.403": Failure(
        "the server forbids this",
        "Check the path first: some servers answer an unknown one with 403. Then credentials and the header Origin.",
    ),
    "http.404": Failure("there is no WebSocket at this path", "Check the path in `target` and in `connect`."),
    "http.429": Failure(
        "the server limits how often one may connect", "Lower the arrival rate, or lift the limit for the test."
    ),
    "http.500": Failure("the server failed inside", "Look into the server's log at that moment."),
    "http.502": Failure("a proxy found no working server behind it", "Look at the servers behind the proxy."),
    "http.503": Failure(
        "the server says that it is overloaded", "This is a capacity limit: compare with the rate at that moment."
    ),
    "http.504": Failure("a proxy waited in vain for the server behind it", "Look at the servers behind the proxy."),
    "protocol": Failure("the protocol of the connection says no, or is not kept"),
    "protocol.timeout": Failure(
        "the server did not say in time that the protocol is open",
        "Check that the server speaks this protocol at this path; then look at what it was busy with.",
    ),
    "protocol.refused": Failure(
        "the server refused to open the protocol; its code, if it has one, is behind the dot",
        "The example has its reason: mostly a token, or a version.",
    ),
    "protocol.error": Failure(
        "the server answered with an error of the protocol; its code, if it has one, is behind the dot",
        "Compare the example with the step's arguments. An error that is right is expected with `reply: {error: …}`.",
    ),
    "protocol.server_error": Failure(
        "the server sent an error of the protocol that answers no request", "The example has what it says."
    ),
    "protocol.malformed": Failure(
        "a message is no JSON, where the protocol wants some",
        "Check that the server speaks this protocol at this path.",
    ),
    "protocol.ended": Failure(
        "the server ended a subscription before its first message", "Check what the step subscribes to."
    ),
    "protocol.not_subscribed": Failure(
        "a step ends a subscription that the connection does not have",
        "Look at the result of the subscribe step; the server may have ended the subscription.",
    ),
    "timeout": Failure(
        "no answer came within the step's deadline",
        f"{_TIMEOUT_ADVICE} Where the ledger has unclaimed messages, no `where` fitted them: `--trace` says why.",
    ),
    "backlog": Failure(
        "so many requests of one connection had no answer that another could not be told from them",
        "Give the replies a `where`, or let the flow fail at the first timeout.",
    ),
    "check": Failure("an answer was not what the scenario expects", "Compare the example with the step's check."),
    "capture": Failure("a capture found nothing in the answer", "Compare the example with the step's capture."),
    "unexpected": Failure("a message came that should not have come", "Compare it with the step's expect_none."),
    "closed": Failure(
        "the server closed the connection unasked; its close code is behind the dot", "Look into the server's log."
    ),
    "closed.none": Failure("the server closed the connection unasked, without a code", "Look into the server's log."),
    "closed.us": Failure(
        "a step needed a connection that the scenario itself had closed", "Let the flow connect again before the step."
    ),
    "cut_off": Failure("the run ended under an open connection that a step still needed"),
    "lost": Failure(
        "the connection broke without a close handshake (1006)", "Look for a crash, a restart or a proxy's limit."
    ),
    "lost.eof": Failure(
        "the server closed TCP without a close frame", "Look for a crash, a restart or a proxy's idle limit."
    ),
    "lost.reset": Failure("the server reset TCP", "Look for a crash of the server, or a proxy that gave up."),
    "lost.ping_timeout": Failure("a ping was not answered in time", "The server or the network stood still."),
    "lost.write_timeout": Failure("the server did not read for too long", "It is overloaded, or it stopped reading."),
    "lost.heartbeat_timeout": Failure(
        "a heartbeat of the connection's protocol was not answered in time", "The server or the network stood still."
    ),
    "lost.malformed": Failure(
        "what came is nothing that the connection's protocol has, and where it goes on cannot be told",
        "Check that the server speaks this protocol at this path; the example has what was wrong.",
    ),
    "lost.protocol": Failure("the server broke RFC 6455", "A defect of the server or of a proxy."),
    "lost.protocol.utf8": Failure(
        "the server sent text that is not UTF-8", "A defect of the server: send such data as binary."
    ),
    "lost.protocol.frame": Failure(
        "the server sent a frame that RFC 6455 forbids", "A defect of the server or of a proxy."
    ),
    "lost.protocol.too_large": Failure(
        "the server sent a message above `max_message_size`", "Raise connection.max_message_size if that is right."
    ),
    "lost.protocol.fragments": Failure(
        "the server sent one message in far more frames than its bytes need",
        "A defect of the server: it never ends a message, or cuts it into single bytes.",
    ),
    "lost.no_memory": Failure(
        "this machine had no memory for what was to be sent", "Use fewer users, or a machine with more memory."
    ),
    "lost.failed": Failure("the connection broke otherwise", "The example has the system's words."),
    "close": Failure(
        "the connection ended otherwise than the step expected", "Compare the example with the close codes."
    ),
    "close_timeout": Failure(
        "the server never answered our close frame", "It was busy, or does not do closing handshakes."
    ),
    "handshake": Failure(
        "the upgrade was answered otherwise than the step expects", "Compare the example with `expect`."
    ),
    "already_open": Failure("the step connects where a connection is open already", "Close it first, in the scenario."),
    "not_connected": Failure(
        "the step needs a connection, and there was none",
        "Look at the close codes: they say how it ended. Of a user with named connections, `on` says which one.",
    ),
    "reconnect": Failure("a user could not get its connection back"),
    "reconnect.gave_up": Failure(
        "all attempts of the reconnect policy failed, and the user gave up",
        "See why they failed: the errors of connecting. Else allow more: `reconnect: {attempts: 10}`.",
    ),
    "unpack": Failure(
        "a message could not be unpacked as `connection.unpack` says, and no step saw it",
        "Compare `connection.unpack` with what the server sends: `--trace` shows it.",
    ),
    "unpack.gunzip": Failure(
        "a binary message is not gzip, or is cut short",
        "The example has its first bytes. Compressed without gzip's header is `inflate`.",
    ),
    "unpack.inflate": Failure(
        "a binary message is not deflate, or is cut short", "The example has its first bytes. 1f 8b is `gunzip`."
    ),
    "unpack.msgpack": Failure(
        "a binary message is not one value of MessagePack",
        "The example has its first bytes. Where several stand in one message, a `function` can take them apart.",
    ),
    "unpack.protobuf": Failure(
        "a binary message is none of the type that `protobuf` names",
        "The example has its first bytes. Compare `message` with what the server sends, and the file with its .proto.",
    ),
    "unpack.too_large": Failure(
        "a message decompresses to more than `max_message_size`",
        "Raise connection.max_message_size if that is right; else the server sends a decompression bomb.",
    ),
    "unpack.too_many": Failure(
        "a message holds more than 16,384 values", "Compare `split` and `elements` with what the server sends."
    ),
    "unpack.crashed": Failure(
        "a Python function that unpacks messages raised an exception",
        "The example has the line: mend it, or catch it there.",
    ),
    "unpack.failed": Failure(
        "a value that a message was unpacked into is none that JSON can have", "The example says why."
    ),
    "handler_overflow": Failure(
        "messages came faster than the handlers were done with them",
        "Let the handlers do less, or the server send less.",
    ),
    "call": Failure("a Python function of the scenario did not do well", "The example has its name or its line."),
    "call.crashed": Failure(
        "a Python function of the scenario raised an exception", "The example has the line: mend it, or catch it there."
    ),
    "call.given_up": Failure(
        "a Python function of the scenario catches everything, also that its user leaves, so it was given up",
        "Catch Exception, or what you mean; a bare except: and BaseException catch cancellations too.",
    ),
    "call.blocked": Failure(
        "a Python function held up its process, and with it every user and every measurement there",
        "Let it wait by trio, or move what takes long into a thread: trio.to_thread.run_sync.",
    ),
    "count": Failure("a count has the name of one of loadws' own metrics", "Look at its template and at the example."),
    "record": Failure("what a record step was given is no number", "Look at its template and at the example."),
    "data": Failure(
        "a row of a data file could not be read",
        "Where the file is to change during a run, write a new one beside it and rename it.",
    ),
    "data_exhausted": Failure(
        "a data source has no row left for a user, session, turn or use",
        "The example says what took them. Add rows, or say `when_exhausted: repeat`.",
    ),
    "not_open": Failure(
        "the connection had already ended when the step wanted it", "See why it ended: the close codes."
    ),
    "template": Failure("a template could not be computed", "Check the variables that it uses."),
}

#: Statuses that mean something else where an http step received them: an upgrade's advice would lead astray.
OF_HTTP_STEPS: dict[str, Failure] = {
    "http.301": Failure(
        "the server redirected an http step", "Name the final address in the step, or allow `redirects`."
    ),
    "http.302": Failure(
        "the server redirected an http step",
        "Name the final address in the step, or allow `redirects`; where it leads to a login, log in first.",
    ),
    "http.400": Failure(
        "the server found the request of an http step malformed", "Check the step's address, headers and body."
    ),
    "http.401": Failure(
        "the server wants credentials of an http step", "Send them in the step's `headers`, for example Authorization."
    ),
    "http.403": Failure(
        "the server forbids the request of an http step", "Check the step's address, then its credentials."
    ),
    "http.404": Failure("there is nothing at the address of an http step", "Check the step's address and its method."),
    "http.429": Failure(
        "the server limits how often one may ask", "Lower the rate of the step, or lift the limit for the test."
    ),
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


#: Codes for ends without a close frame (RFC 6455, 7.4.1), and the kinds of error that these are.
NEVER_SENT = {1005: "closed.none", 1006: "lost", 1015: "tls"}
#: Families whose members are numbers that a server chooses.
_STATUS, _CODE = "http", "closed"
#: Kinds with a code of the server's protocol behind them, a number or a word.
_WITH_CODES = ("protocol.error.", "protocol.server_error.", "protocol.refused.")


def is_known(kind: str) -> bool:
    """Return whether some error can have this kind, or a kind of this family."""
    family, _, member = kind.partition(".")
    if family == _STATUS and member.isascii() and member.isdigit():
        return 100 <= int(member) <= 599
    if kind.startswith(_WITH_CODES):
        return True
    if family == _CODE and member.isascii() and member.isdigit():
        return 1000 <= int(member) <= 4999 and int(member) not in NEVER_SENT
    return kind in KINDS


def is_of(kind: str, wanted: str) -> bool:
    """Return whether a kind is the wanted one, or a member of the wanted family: ``tls.expired`` is of ``tls``."""
    return kind == wanted or kind.startswith(f"{wanted}.")


def explain(kind: str, *, of_http_step: bool = False) -> Failure:
    """Return the entry of a kind, else of its family; an empty entry where nothing is known about it.

    ``of_http_step``: what was tried was an http step, and no upgrade.
    """
    if of_http_step and kind in OF_HTTP_STEPS:
        return OF_HTTP_STEPS[kind]
    if kind.startswith("closed.") and (meaning := meaning_of_code(kind.removeprefix("closed."))):
        return Failure(f"the server closed the connection: {meaning}", KINDS["closed"].advice)
    front = kind
    while front:
        if front in KINDS:
            return KINDS[front]
        front = front.rpartition(".")[0]
    return Failure("")


def explain_close(key: str) -> tuple[str, str]:
    """Return which side ended a connection, and the meaning, for a key of the ledger's ``close_codes``."""
    by, _, what = key.partition(".")
    ended = f"{_ENDED_BY.get(by, by)} {what}".strip()
    if by == "lost":
        return ended, explain(key).meaning
    return ended, meaning_of_code(what)


def meaning_of_code(code: str) -> str:
    if not code.isascii() or not code.isdigit():
        return CLOSE_CODES[1005] if code in ("", "none", "None") else ""
    number = int(code)
    if 4000 <= number <= 4999:
        return "a code of the application's own"
    if 3000 <= number <= 3999:
        return "a code registered by a library or framework"
    return CLOSE_CODES.get(number, "")
