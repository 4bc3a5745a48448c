"""The limits of a connection of the target, in time and in memory, whichever way it is served."""

from __future__ import annotations

UPGRADE_WITHIN_S = 10.0
CLOSE_WITHIN_S = 2.0
MAX_MESSAGE_SIZE = 64 * 1024 * 1024
REFUSAL_BODY = b"refused by loadws target --reject\n"
#: The most bytes of one read.
READ_SIZE = 64 * 1024
