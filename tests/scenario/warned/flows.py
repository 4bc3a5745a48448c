"""The functions that the reference page's examples call."""

from loadws import User


async def greet(user: User, times: int, name: str) -> None:
    for _ in range(times):
        answer = await user.request({"op": "hello", "from": name}, name="greet", within=2)
        user.check(answer.json["from"] == name, "greeted by name")
    user.variables["greeted"] = times
