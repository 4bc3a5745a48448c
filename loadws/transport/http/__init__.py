"""HTTP beside the WebSocket: the requests of a user's ``http`` steps.

Each user has a client of its own, as a browser has: its own connections, which are kept open between requests, and the
same cookies as its upgrades. A connection is opened by the code that opens WebSockets (``transport.opening.route``): the
same names, source addresses, proxies and TLS. Requests and answers are read and written by ``h11``.

Nothing of the machine's environment is used (``HTTP_PROXY``, ``.netrc``): only the scenario counts.

Failures have the kinds of connecting (``dns.not_found``, ``tcp.refused``, ``tls.untrusted``), of a lost connection
(``lost.eof``, ``lost.reset``: no byte of an answer had come), and of ``http``: see ``messages.KINDS``.
"""
