"""The one table of transports: their names, and what each lacks.

``transport.registry`` makes them; everything else that depends on a transport asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TransportName = Literal["native", "trio-websocket"]


@dataclass(frozen=True, slots=True)
class Traits:
    """The properties of a transport. ``lacks`` are the features, as ``scenario.model.features`` names them, that it
    does not have.

    ``kernel_stamps``: it can read the kernel's receive stamps. ``is_ours``: its means depend on the platform, and the
    summary names them.
    """

    lacks: frozenset[str] = frozenset()
    kernel_stamps: bool = False
    is_ours: bool = False


TRANSPORTS: dict[TransportName, Traits] = {
    "native": Traits(kernel_stamps=True, is_ours=True),
    "trio-websocket": Traits(lacks=frozenset({"compression", "fragments"})),
}
NAMES: tuple[TransportName, ...] = tuple(TRANSPORTS)
#: The transport that speaks WebSocket unless another is asked for.
DEFAULT_TRANSPORT: TransportName = "native"


def traits_of(name: str) -> Traits:
    """Return the properties of a transport. Raises ``KeyError`` for a name that none has."""
    return {str(known): traits for known, traits in TRANSPORTS.items()}[name]


def having(feature: str) -> tuple[TransportName, ...]:
    """Return the transports that do not lack a feature."""
    return tuple(name for name, traits in TRANSPORTS.items() if feature not in traits.lacks)
