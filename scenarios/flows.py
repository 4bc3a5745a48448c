"""The functions of python-user.yaml. Each gets its virtual user, and the args of its ``call``."""

from loadws import StepFailed, User


async def trade(user: User, size: int) -> None:
    """Place orders, each waiting for its own answer: a step among others."""
    for number in range(size):
        order = {"op": "order", "id": user.id(), "price": round(100 + user.random(), 2)}
        answer = await user.request(order, name="order", where={"$.id": "{{ sent.id }}"}, within=2)
        user.check(answer.json["echo"]["price"] == order["price"], "the price that was asked")
        user.variables["orders"] = number + 1


async def customer(user: User) -> None:
    """Live a whole session, from before its connection to its close: a user in Python."""
    await user.connect()
    try:
        await user.request({"op": "hello", "id": user.id()}, name="greet", where={"$.id": "{{ sent.id }}"}, within=2)
    except StepFailed as failed:  # counted already; what to do about it is ours
        user.count(f"no greeting: {failed.kind}")
        return
    for _ in range(5):
        size = len((await user.request({"id": user.id(), "ask": "size"}, name="ask")).payload)
        user.record("answer_size", size)
        await user.think(0.1 + 0.2 * user.random())
    await user.close(reason="done")
