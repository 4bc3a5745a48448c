"""The reference page: it says what the models say, and its examples are scenarios."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from loadws.scenario.build import load_text
from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.docs.reference import filled, page
from loadws.scenario.matching.matchers import MATCHERS
from loadws.scenario.model.steps import STEPS
from loadws.scenario.template.scope import FUNCTIONS
from loadws.terms.errors import ExitCode
from tests.scenario.models import models
from tests.scenario.texts import EXAMPLES_FOLDER, protocol_of
from tests.scenario.unpacking import descriptors

#: Models that have no table: their keys stand in another's, or a short form fills them.
WITHOUT_TABLE = {"Backoff", "ProtobufType", "Think"}
README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)


def test_the_page_is_up_to_date() -> None:
    """If not: ``python -m loadws.scenario.docs.reference > page.md && mv page.md loadws/docs/language.md``."""
    assert filled(page()) == page()


def test_the_readme_is_up_to_date() -> None:
    """If not: ``python -m loadws.scenario.docs.reference README.md > page.md && mv page.md README.md``."""
    text = README.read_text("utf-8")
    assert filled(text) == text


def test_exit_codes_are_described_alike_everywhere() -> None:
    for code in ExitCode:
        row = f"| {code.value} | {code.meaning} |"
        assert row in page()
        assert row in README.read_text("utf-8")


@pytest.mark.slow
def test_a_page_that_is_stale_would_be_seen() -> None:
    assert filled("a\n<!-- keys: KeepAlive -->\nnonsense\n<!-- end -->\nb") != "a\nnonsense\nb"
    assert "nonsense" not in filled("<!-- keys: KeepAlive -->\nnonsense\n<!-- end -->")


def test_every_verb_has_a_section_with_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(STEPS)
    for verb in STEPS:
        assert f"\n### {verb}\n" in page()
        assert any(verb in step if isinstance(step, dict) else verb == step for step in parsed(EXAMPLES[verb])), verb


def test_every_mapping_has_its_table() -> None:
    tables = set(re.findall(r"<!-- keys: (\w+) -->", page()))
    inner = {model.__name__ for model in models() if not model.__name__.endswith(("Step", "Body", "OnConnection"))}
    assert sorted(inner - tables) == sorted(WITHOUT_TABLE)


def test_functions_and_matchers_are_named() -> None:
    for function in FUNCTIONS.values():
        assert f"`{function.usage}`" in page()
    for word in MATCHERS:
        assert f"`{word}`" in page()


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def whole(block: str) -> str:
    """A part of a scenario, with what it lacks to be one."""
    if isinstance(parsed(block), list):
        block = "flow:\n" + "".join(f"  {line}\n" for line in block.splitlines())
    keys = parsed(block).keys()
    rest = {
        "target": "target: ws://127.0.0.1:8765",
        "load": "load: [{users: 2, for: 1s}]",
        "flow": "flow: [{request: hello}]" if "users" not in keys else "",
        "connection": f"connection: {{protocol: {protocol_of(block)}}}" if protocol_of(block) else "",
        "variables": 'variables: {room: ""}' if "teardown" not in keys else "",
    }
    return block + "\n" + "\n".join(line for key, line in rest.items() if key not in keys and line) + "\n"


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_loads(block: str, tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("user\nanna\n")
    (tmp_path / "rooms.csv").write_text("lobby;7\n")
    descriptors.write(tmp_path / "chat.desc")
    shutil.copy(EXAMPLES_FOLDER / "flows.py", tmp_path)
    assert load_text(whole(block), tmp_path / "scenario.yaml", env={}).scenario.user_types != ()
