"""The messages between the coordinator of a load and its shares.

The order for a share: up ``Hello``; down ``Work``; up ``Prepared``; down ``Ticket``, once; then up ``Measured`` for
each frame, up ``Ended`` or ``Broken``, and down ``Thanks``. All that time the coordinator sends ``Pulse``, which the
share answers at once: so each knows that the other is there, and the coordinator knows how far apart their clocks are.
``Refused`` and ``Stop`` may come down at any time. Clocks are the system's, in ns since 1970.
"""

from __future__ import annotations

import msgspec

from loadws.fleet.shard import ShardOrder
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending, RunInfo


class Facts(msgspec.Struct, frozen=True):
    """The properties of a share's machine. ``versions`` are those of loadws, Python, and the libraries that measure."""

    machine: str
    pid: int
    cores: int
    versions: dict[str, str]


class Invitation(msgspec.Struct, frozen=True):
    """All that a share needs to start: where its coordinator is, and how each side proves its identity.

    ``certificate`` is that of the coordinator's own authority, in PEM; ``key`` is the run's.
    """

    host: str
    port: int
    certificate: str
    key: bytes
    index: int


class NamedFile(msgspec.Struct, frozen=True):
    """A file of the scenario. ``name`` is relative to the scenario's folder, ``digest`` the SHA-256 of its content."""

    name: str
    content: bytes
    digest: str


# -- up ---------------------------------------------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The first message up, and the only one that is read before the key is known to be right."""

    key: bytes
    index: int
    facts: Facts


class Prepared(msgspec.Struct, frozen=True, tag=True):
    """The report that a share can begin.

    ``notices`` are warnings in sentences; ``checked`` states in words what preflight and calibration found.
    """

    processes: int
    stamps: str
    notices: tuple[str, ...] = ()
    checked: str = ""


class PulseBack(msgspec.Struct, frozen=True, tag=True):
    """The answer to a pulse. ``clock_ns`` is the share's clock."""

    sent_ns: int
    clock_ns: int


class Measured(msgspec.Struct, frozen=True, tag=True):
    """A frame; ``number`` counts the frames of the share from 1."""

    number: int
    frame: Frame


class Noticed(msgspec.Struct, frozen=True, tag=True):
    """Something that the user should know at once, as a sentence: a process of the share was lost."""

    text: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The share's last message; its last frame came before it."""

    ending: Ending
    summary: bytes = b""  # of this share alone, as JSON; empty where its work has no ``info``


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The last message of a share that could not go on. ``is_usage``: the user can mend the cause, and it is not a
    defect.
    """

    error: str
    advice: str = ""
    trace: str = ""
    is_usage: bool = False


# -- down -------------------------------------------------------------------------------------------------------------


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The refusal of a share that is not wanted (any more). It must make no load."""

    why: str


class Work(msgspec.Struct, frozen=True, tag=True):
    """The work of a share. ``processes`` None: as many as it needs, with ``neighbours`` shares on the same machine.

    ``info`` describes the share as a run of its own, for its summary; None: none is wanted.
    """

    order: ShardOrder
    files: tuple[NamedFile, ...]
    stamps: str
    processes: int | None = None
    neighbours: int = 1
    info: RunInfo | None = None


class Pulse(msgspec.Struct, frozen=True, tag=True):
    """A sign of life. ``taken`` is the number of the last frame that the coordinator has: the share may forget it."""

    sent_ns: int
    taken: int = 0


class Ticket(msgspec.Struct, frozen=True, tag=True):
    """The permission to make the load, given once. ``start_ns`` is on the share's own clock."""

    run: str
    start_ns: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    """The end of the load: sent once, gracefully; sent twice, at once."""

    reason: str


class Thanks(msgspec.Struct, frozen=True, tag=True):
    """The report that the coordinator has everything: the share may end."""


Up = Hello | Prepared | PulseBack | Measured | Noticed | Ended | Broken
Down = Refused | Work | Pulse | Ticket | Stop | Thanks


class Result(msgspec.Struct, frozen=True):
    """The result that a share leaves where it was started: the frames that its coordinator had not confirmed, and how
    it ended.
    """

    index: int
    unconfirmed: tuple[Measured, ...] = ()
    ending: Ending | None = None
    error: str = ""
