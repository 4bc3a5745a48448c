"""Machines with addresses of their own: network namespaces behind a bridge; addresses of loopback where there are none."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

from tests.cluster.dask import Host

#: A network for tests (RFC 2544), which nothing else uses.
_NETWORK = "198.18.77"
_NUMBERS = count()


@dataclass(frozen=True)
class Network:
    """``here`` is this process's own address, ``machines`` are the others. ``kind`` says what they are."""

    kind: str
    here: Host
    machines: tuple[Host, ...]
    links: tuple[str, ...] = ()  # this end of each machine's cable; none on loopback

    def pull_out(self, machine: int) -> None:
        """Pull out the cable of a machine: nothing comes and goes any more, and no connection is closed."""
        _ip("link", "set", self.links[machine], "down")


@contextmanager
def network(size: int) -> Iterator[Network]:
    """Yield so many machines with addresses of their own; print of what kind they are."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(_namespaces(size))
        except (OSError, subprocess.CalledProcessError) as error:
            machines = tuple(Host(f"127.0.0.{2 + index}") for index in range(size))
            said = getattr(error, "stderr", None) or error
            found = Network(f"addresses of loopback, as there are no network namespaces: {said}", Host(), machines)
        print(f"network: {found.kind}")
        yield found


@contextmanager
def _namespaces(size: int) -> Iterator[Network]:
    """Make a bridge and a namespace for each machine; ``CalledProcessError`` or ``OSError`` where that is not allowed."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        raise PermissionError("only root may make namespaces, with `ip`")
    # A name is free again only some time after its removal.
    mark = f"{os.getpid() % 100_000}{next(_NUMBERS) % 10}"
    with ExitStack() as stack:
        bridge = f"lwb{mark}"
        _made(stack, ("link", "add", bridge, "type", "bridge"), ("link", "del", bridge))
        _ip("addr", "add", f"{_NETWORK}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        machines, links = [], []
        for index in range(size):
            name, near, far = f"lw{mark}-{index}", f"lwn{mark}{index}", f"lwf{mark}{index}"
            address = f"{_NETWORK}.{2 + index}"
            _made(stack, ("netns", "add", name), ("netns", "del", name))
            cable = ("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
            _made(stack, cable, ("link", "del", near))
            _ip("link", "set", near, "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", far)
            _ip("-n", name, "link", "set", far, "up")
            _ip("-n", name, "link", "set", "lo", "up")
            machines.append(Host(address, ("ip", "netns", "exec", name)))
            links.append(near)
        yield Network("network namespaces", Host(f"{_NETWORK}.1"), tuple(machines), tuple(links))


def _made(stack: ExitStack, make: tuple[str, ...], unmake: tuple[str, ...]) -> None:
    _ip(*make)
    stack.callback(subprocess.run, ("ip", *unmake), capture_output=True, check=False, timeout=20)


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), capture_output=True, check=True, timeout=20)
