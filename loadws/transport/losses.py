"""Translate an error of the operating system on an open connection to one of ``LOSS_KINDS``."""

from __future__ import annotations

import errno

_KINDS = {
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.ENOMEM: "no_memory",
    errno.ENOBUFS: "no_memory",
}


def loss_kind(error: OSError) -> str:
    return _KINDS.get(error.errno or 0, "failed")
