"""Debian's RabbitMQ, unpacked in ``LOADWS_RABBITMQ``, which speaks STOMP and MQTT over WebSocket at ``/ws``.

It lets in ``guest`` with the password ``guest``. The one line that it prints has the port of STOMP and that of MQTT.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

#: How long it may take to listen, in seconds: it starts an Erlang machine with a database.
PATIENCE_S = 120
CONFIGURATION = """
listeners.tcp = none
stomp.listeners.tcp = none
mqtt.listeners.tcp = none
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = {0}
web_stomp.ws_frame = binary
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = {1}
"""
ERL = """#!/bin/sh
ROOTDIR={0} BINDIR={1} EMU=beam PROGNAME=erl
export ROOTDIR BINDIR EMU PROGNAME
exec "$BINDIR/erlexec" "$@"
"""


def main() -> int:
    """Run the broker until the group of this process is killed, and say its ports once it listens."""
    root = Path(os.environ.get("LOADWS_RABBITMQ", "/nowhere"))
    found = sorted(root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"))
    machines = sorted(root.glob("usr/lib/erlang/erts-*/bin"))
    if not found or not machines:
        print(f"there is no RabbitMQ below {root}", file=sys.stderr)
        return 1
    stomp, mqtt, names, distribution = free_ports(4)
    folder = Path(tempfile.mkdtemp())
    (folder / "rabbitmq.conf").write_text(CONFIGURATION.format(stomp, mqtt))
    (folder / "plugins").write_text("[rabbitmq_web_stomp,rabbitmq_web_mqtt].\n")
    (folder / "erl").write_text(ERL.format(machines[0].parents[1], machines[0]))
    (folder / "erl").chmod(0o700)
    environment = {
        **os.environ,
        "PATH": f"{folder}:{machines[0]}:{os.environ['PATH']}",
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_NODENAME": f"loadws{stomp}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
    }
    subprocess.Popen([machines[0] / "epmd"], env=environment, stdout=subprocess.DEVNULL)
    wait_for(names)
    server = subprocess.Popen([found[0]], env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    wait_for(stomp)
    wait_for(mqtt)
    print(stomp, mqtt, flush=True)
    return server.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens at."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def wait_for(port: int) -> None:
    """Wait until something listens at a port.

    Raises:
        OSError: Nothing does in time.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
