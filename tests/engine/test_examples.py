"""Every example of the reference page is run, in virtual time, against a peer that answers with the same message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.docs.reference import page
from loadws.target.speaking.servers import TALKS
from loadws.transport.http.client import HttpClients
from tests.engine.drive import drive
from tests.engine.protocols.speaking import speaks
from tests.kit.behaviour import echo
from tests.kit.scripted_http import Asked, Reply, ScriptedHttp
from tests.scenario.texts import EXAMPLES_FOLDER, protocol_of

#: The flows among the page's blocks: those of the verbs, and those in the prose.
BLOCKS = [
    block for block in re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL) if block.startswith("- ")
]  # fmt: skip


async def _answer(asked: Asked) -> Reply:
    return Reply(json={"token": "t", "id": 7})


def users_of(text: str) -> int:
    """Return how many users run an example: a scripted server of a protocol knows one connection at a time."""
    return 2 if protocol_of(text) is None else 1


def run_example(text: str) -> Any:
    flow = YAML(typ="safe", pure=True).load(text)
    protocol = protocol_of(text)
    document = {"load": [{"users": users_of(text), "iterations": 2}], "flow": flow}
    if protocol is not None:
        document["connection"] = {"protocol": protocol}
    return drive(
        document,
        echo() if protocol is None else speaks(TALKS[protocol]),
        base=EXAMPLES_FOLDER,
        http=HttpClients(ScriptedHttp(_answer)),
    )


@pytest.mark.parametrize("text", BLOCKS)
def test_an_example_does_what_it_says(text: str) -> None:
    outcome = run_example(text)
    assert outcome.errors == {}
    assert outcome.ledger.sessions.failed == 0
    assert outcome.ledger.sessions.completed == users_of(text)


def test_none_is_forgotten() -> None:
    assert all(any(example.strip() == block.strip() for block in BLOCKS) for example in EXAMPLES.values())
