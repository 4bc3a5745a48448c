"""Errors leave a background as they are."""

from __future__ import annotations

import pytest
import trio

from loadws.transport.background import background


async def _fail(error: BaseException) -> None:
    raise error


def test_its_tasks_end_with_the_body() -> None:
    async def main() -> str:
        async with background() as nursery:
            nursery.start_soon(trio.sleep_forever)
            return "done"

    assert trio.run(main) == "done"


def test_one_error_is_no_group_and_keeps_its_cause() -> None:
    async def main() -> None:
        async with background() as nursery:
            try:
                raise KeyError("cause")
            except KeyError as cause:
                error = ValueError("effect")
                error.__cause__ = cause
            nursery.start_soon(_fail, error)
            await trio.sleep_forever()

    with pytest.raises(ValueError, match="effect") as raised:
        trio.run(main)
    assert isinstance(raised.value.__cause__, KeyError)


def test_several_errors_stay_a_group() -> None:
    async def main() -> None:
        async with background() as nursery:
            nursery.start_soon(_fail, ValueError("task"))
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("body")

    with pytest.raises(BaseExceptionGroup) as raised:
        trio.run(main)
    assert {type(error) for error in raised.value.exceptions} == {ValueError, KeyError}


def test_cancelling_from_outside_stays_a_cancelling() -> None:
    async def main() -> bool:
        with trio.move_on_after(0) as scope:
            async with background() as nursery:
                nursery.start_soon(trio.sleep_forever)
                await trio.sleep_forever()
        return scope.cancelled_caught

    assert trio.run(main) is True
