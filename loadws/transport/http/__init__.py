"""HTTP beside the WebSocket: what a user fetches before, between and after.

Each user has a client of its own, as a browser has: its own connections, which are kept open between requests, and the same
cookies as its upgrades. A connection is opened by the code that opens WebSockets (``transport.way``): the same names,
source addresses, proxies and TLS. Requests and answers are read and written by ``h11``.

Nothing of the machine's environment is read (``HTTP_PROXY``, ``.netrc``): a scenario says all.

Failures are told in the words of connecting (``dns.not_found``, ``tcp.refused``, ``tls.untrusted``), of a lost connection
(``lost.eof``, ``lost.reset``: nothing of an answer had come), and in those of ``http``: see ``messages.KINDS``.
"""
