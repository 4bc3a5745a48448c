"""What a peer may not send, and the close code that answers it (RFC 6455, 7.4.1)."""

from __future__ import annotations

#: Frames that any message may have, and bytes of it for which it may have one more. So fragments of eight bytes and more are
#: bounded by ``max_message_size``, and empty ones, which cost as much, by this. Autobahn's smallest fragments have 64 bytes.
FEW_FRAMES = 1 << 14
BYTES_A_FRAME = 8


class ProtocolViolation(Exception):
    """The peer broke the protocol, and nothing it sends can be trusted any more.

    ``kind`` is one of ``base.LOSS_KINDS``, ``code`` is what to close with, ``detail`` is for people and quotes nothing of
    what was sent. ``events`` is what the same read brought before the violation.
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
        ProtocolViolation: So many bytes came in more frames than they may.
    """
    if frames > FEW_FRAMES + size // BYTES_A_FRAME:
        raise ProtocolViolation("protocol.fragments", 1008, f"{size:,} bytes of a message in {frames:,} frames")


def too_large(limit: int) -> ProtocolViolation:
    return ProtocolViolation("protocol.too_large", 1009, f"a message above {limit} bytes")
