"""Violations of the protocol, and the close codes that answer them (RFC 6455, 7.4.1)."""

from __future__ import annotations

#: Frames that any message may have, and bytes of it for which it may have one more. So fragments of eight bytes and more are
#: bounded by ``max_message_size``, and empty ones, which cost as much, by this. Autobahn's smallest fragments have 64 bytes.
FEW_FRAMES = 1 << 14
BYTES_A_FRAME = 8


class ProtocolViolation(Exception):
    """A violation of the protocol by the peer. No byte it sends can be trusted from there on.

    ``kind`` is one of ``base.LOSS_KINDS``, ``code`` is the code to close with, ``detail`` is a text for users that
    quotes nothing of the peer's data. ``events`` are the events of the same read before the violation.
    """

    def __init__(self, kind: str, code: int, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.code = code
        self.detail = detail
        self.events: list[tuple[int, str | bytes]] = []


def forbidden(detail: str) -> ProtocolViolation:
    return ProtocolViolation("protocol.frame", 1002, detail)


def not_utf8(error: UnicodeDecodeError) -> ProtocolViolation:
    return ProtocolViolation("protocol.utf8", 1007, f"text is not UTF-8: {error.reason}")


def check_frames(frames: int, size: int) -> None:
    """Check the number of frames of a message.

    Raises:
        ProtocolViolation: The message has more frames than its size permits.
    """
    if frames > FEW_FRAMES + size // BYTES_A_FRAME:
        raise ProtocolViolation("protocol.fragments", 1008, f"{size:,} bytes of a message in {frames:,} frames")


def too_large(limit: int) -> ProtocolViolation:
    return ProtocolViolation("protocol.too_large", 1009, f"a message above {limit} bytes")
