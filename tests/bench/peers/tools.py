"""How each tool is installed and started for the same work, and what it cannot do.

Each is installed from its own registry into a folder of the user's cache, once. A tool that does not install is
reported as missing, with the last line of the error.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "loadws-bench-peers"
INSTALL_WITHIN_S = 300
TEXT = "x" * 64


@dataclass(frozen=True)
class Work:
    """The work: this many connections to this port; ``seconds`` for tools that work by time, ``messages`` for each
    connection for tools that count.
    """

    port: int
    connections: int
    seconds: int
    messages: int


@dataclass(frozen=True)
class Tool:
    """A tool. ``install`` makes it in a folder; ``command`` writes its files to a folder, and returns the command line."""

    name: str
    install: Callable[[Path], list[list[str]]]
    command: Callable[[Path, Path, Work], list[str]]
    cannot: str


class NotInstalled(Exception):
    """A tool that could not be installed, with the reason in a line."""


def installed(tool: Tool) -> Path:
    """Return its folder. Raises ``NotInstalled``."""
    folder = CACHE / tool.name.split()[0]
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for command in tool.install(folder):
            _run(command, folder)
        done.touch()
    return folder


def _run(command: list[str], folder: Path) -> None:
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if ran.returncode:
        lines = [line for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
        raise NotInstalled(lines[-1][:200] if lines else f"{command[0]} ended with {ran.returncode}")


def _python(*packages: str) -> Callable[[Path], list[list[str]]]:
    def commands(folder: Path) -> list[list[str]]:
        environment = folder / "v"
        pip = str(environment / "bin" / "pip")
        return [[sys.executable, "-m", "venv", str(environment)], [pip, "install", "-q", *packages]]

    return commands


def _npm(package: str) -> Callable[[Path], list[list[str]]]:
    # Without its install scripts: one of them would download a browser, which a WebSocket does not need.
    return lambda folder: [["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", package]]


# -- k6 ---------------------------------------------------------------------------------------------------------------

_K6 = """
import {{ WebSocket }} from 'k6/experimental/websockets';

export const options = {{ vus: {connections}, iterations: {connections}, maxDuration: '1h' }};

export default function () {{
  const socket = new WebSocket('ws://127.0.0.1:{port}/');
  const end = Date.now() + {seconds} * 1000;
  socket.addEventListener('open', () => socket.send('{text}'));
  socket.addEventListener('message', () => {{
    if (Date.now() < end) socket.send('{text}'); else socket.close();
  }});
}}
"""
_K6_OLD = """
import ws from 'k6/ws';

export const options = {{ vus: {connections}, iterations: {connections}, maxDuration: '1h' }};

export default function () {{
  const end = Date.now() + {seconds} * 1000;
  ws.connect('ws://127.0.0.1:{port}/', {{}}, (socket) => {{
    socket.on('open', () => socket.send('{text}'));
    socket.on('message', () => {{
      if (Date.now() < end) socket.send('{text}'); else socket.close();
    }});
  }});
}}
"""


def _k6(script: str) -> Callable[[Path, Path, Work], list[str]]:
    def command(tool: Path, folder: Path, work: Work) -> list[str]:
        file = folder / "script.js"
        file.write_text(script.format(**vars(work), text=TEXT))
        return [str(tool / "v" / "bin" / "k6"), "run", "--quiet", str(file)]

    return command


# -- Artillery --------------------------------------------------------------------------------------------------------

_ARTILLERY = """
config:
  target: ws://127.0.0.1:{port}/
  phases: [{{duration: 1, arrivalCount: {connections}}}]
scenarios:
  - engine: ws
    flow:
      - loop: [{{send: {{payload: '{text}', capture: {{json: $.a, as: a}}}}}}]
        count: {messages}
"""


def _artillery(tool: Path, folder: Path, work: Work) -> list[str]:
    file = folder / "script.yml"
    # It waits for an answer only where it captures something of it, and then only if that is JSON.
    file.write_text(_ARTILLERY.format(**vars(work), text='{"a":"' + "x" * (len(TEXT) - 8) + '"}'))
    return [str(tool / "node_modules" / ".bin" / "artillery"), "run", "--quiet", str(file)]


# -- Locust -----------------------------------------------------------------------------------------------------------

_LOCUST = """
import time

import websocket
from locust import User, constant, events, task


class Talker(User):
    wait_time = constant(0)

    def on_start(self):
        self.socket = websocket.create_connection("ws://127.0.0.1:{port}/")

    @task
    def talk(self):
        began = time.perf_counter()
        self.socket.send("{text}")
        answer = self.socket.recv()
        events.request.fire(
            request_type="ws", name="echo", response_time=(time.perf_counter() - began) * 1000,
            response_length=len(answer), exception=None,
        )
"""


def _locust(tool: Path, folder: Path, work: Work) -> list[str]:
    file = folder / "locustfile.py"
    file.write_text(_LOCUST.format(**vars(work), text=TEXT))
    users = str(work.connections)
    return [
        *(str(tool / "v" / "bin" / "locust"), "-f", str(file), "--headless", "--only-summary", "--skip-log-setup"),
        *("-u", users, "-r", users, "-t", f"{work.seconds}s", "--stop-timeout", "5"),
    ]


TOOLS = (
    Tool(
        "k6 websockets",
        _python("k6"),
        _k6(_K6),
        "time a message to its own answer by itself; many messages on a schedule in one socket; fan-out",
    ),
    Tool("k6 ws", _python("k6"), _k6(_K6_OLD), "the same, and everything on one callback"),
    Tool(
        "artillery",
        _npm("artillery@2"),
        _artillery,
        "time a message to its answer; wait for any but the next one, or for one that is no JSON (so its work is JSON)",
    ),
    Tool(
        "locust",
        _python("locust", "websocket-client"),
        _locust,
        "WebSocket at all without code of one's own, which also has to time it; pings and closes unasked",
    ),
)
