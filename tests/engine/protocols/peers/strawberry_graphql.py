# mypy: ignore-errors
# It runs in a Python of its own, with libraries that loadws does not need.
"""PyPI strawberry-graphql: both subprotocols of GraphQL over WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import strawberry
from aiohttp import web
from strawberry.aiohttp.views import GraphQLView
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL


@strawberry.type
class Query:
    """One field, which greets."""

    @strawberry.field
    def hello(self, name: str) -> str:
        """Greet."""
        return f"hello {name}"


@strawberry.type
class Subscription:
    """One field, which counts."""

    @strawberry.subscription
    async def tick(self) -> AsyncGenerator[int, None]:
        """Count, 50 times per second."""
        for number in range(1000):
            await asyncio.sleep(0.02)
            yield number


async def main() -> None:
    """Serve until the process is ended."""
    schema = strawberry.Schema(Query, subscription=Subscription)
    protocols = [GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL]
    app = web.Application()
    app.router.add_route("*", "/graphql", GraphQLView(schema=schema, subscription_protocols=protocols))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
