"""Functions for calls.yaml."""


async def trade(user: object, size: int) -> None:
    pass


def plain(user: object) -> None:
    pass
