# mypy: ignore-errors
# It runs in a Python of its own, with libraries that loadws does not need.
"""PyPI ocpp: a central system of OCPP 2.0.1, which validates every payload by the specification's schemas."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection, serve


class Station(ChargePoint):
    """What the central system knows of one station."""

    @on("BootNotification")
    def on_boot(self, **boot: Any) -> Any:
        """Accept a station."""
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=10, status="Accepted")

    @on("Heartbeat")
    def on_heartbeat(self) -> Any:
        """Tell the time."""
        return call_result.Heartbeat(current_time=datetime.now(UTC).isoformat())


async def handle(connection: ServerConnection) -> None:
    """Serve one station until it goes."""
    try:
        await Station("station", connection).start()
    except Exception:
        await connection.close()


async def main() -> None:
    """Serve until the process is ended."""
    async with serve(handle, "127.0.0.1", 0, subprotocols=["ocpp2.0.1"]) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
