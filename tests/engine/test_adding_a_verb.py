"""A new verb is its model, its step, its example and an entry in two lists: everything else learns of it by itself.

A copy of loadws gets a verb ``shout``, as a developer would add one, and runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import loadws

PACKAGE = Path(loadws.__file__).parent
REPOSITORY = Path(__file__).parent.parent.parent

MODEL = '''\
"""A step that says the same thing twice: shout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from loadws.scenario.model.field_types import Identifier, Template
from loadws.scenario.model.steps.messages import SENDING
from loadws.scenario.model.steps.parts import Assigned, Carried, Part
from loadws.scenario.model.steps.payload import Payload
from loadws.scenario.model.steps.step import PATIENCE_NS, Awaits, ConnectionStep, Effect, Measures, OnConnection


class ShoutBody(OnConnection):
    text: Annotated[Template, Field(description="What is shouted.")]
    echo: Annotated[Identifier, Field(description="The variable that keeps it.")]


class ShoutStep(ConnectionStep):
    """Send a text twice."""

    verb = "shout"
    waits = True
    sends = 2
    gives_sent = False
    measures = Measures(SENDING, frozenset({"shout"}))
    reads_inbox = False
    names = ()
    is_named_by_text = False

    shout: Annotated[ShoutBody, Field(description="What, and where it is kept.")]

    def parts(self) -> Iterator[Part]:
        yield Carried(("shout",), Payload(text=self.shout.text))
        yield Assigned(("shout",), (self.shout.echo,))

    def patience_ns(self) -> int | None:
        return PATIENCE_NS

    def awaits(self) -> Awaits | None:
        return None

    def effect(self) -> Effect | None:
        return None
'''
STEP = '''\
"""``shout``."""

from __future__ import annotations

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.on_connection import with_connection
from loadws.engine.steps.parts.one_way import OneWay
from loadws.scenario.model.steps.shout import ShoutStep
from loadws.scenario.template.template import compile_template
from loadws.transport.base import Connection, Outgoing


def compile_shout(step: ShoutStep, context: StepContext) -> StepFunction:
    one_way, recorder = OneWay(context.recorder, step), context.recorder
    text = compile_template(step.shout.text)

    async def shout(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        due, data = strand.due(), str(strand.evaluate(step, text))
        strand.scope.variables[step.shout.echo] = data
        for _ in range(2):
            out = Outgoing()
            await connection.send(data, out)
            one_way.count(out, due, data)
        recorder.outcome("shout", step.label, due[0], failed=False)

    return with_connection(step, step.shout.on, context, "shout", shout)
'''
EXAMPLE = '''\
    "shout": """\\
- shout: {text: "hey {{ user.index }}", echo: heard}
- log: "{{ heard }}"
""",
'''
#: The new files, and after which line of an old file something is put in. The first is the verb's name in the union.
FILES = {"scenario/model/steps/shout.py": MODEL, "engine/steps/shout.py": STEP}
ENTRIES = {
    "scenario/model/steps/flow.py": {
        "from loadws.scenario.model.steps.record import": "from loadws.scenario.model.steps.shout import ShoutStep\n",
        "    ConnectStep | CloseStep": "    | ShoutStep\n",
    },
    "engine/steps/registry.py": {
        "from loadws.engine.steps.parts.patience": "from loadws.engine.steps.shout import compile_shout\n",
        "VERBS: dict[str": '    "shout": compile_shout,\n',
    },
    "scenario/docs/examples.py": {"EXAMPLES: dict": EXAMPLE},
}
ASKING = """\
import json
from pathlib import Path
from loadws.plan.passes import pass_through
from loadws.scenario.build import load_text
from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.docs.reference import filled
from loadws.scenario.docs.schema import scenario_schema
from loadws.scenario.model.steps import STEPS
from loadws.scenario.yaml.explain import ScenarioError
from tests.kit.behaviour import echo
from loadws.transport.http.client import HttpClients
from ruamel.yaml import YAML
from tests.engine.drive import drive

HEAD = "target: ws://127.0.0.1:1\\nload: [{users: 1, for: 1s}]\\n"

def problems(text):
    try:
        load_text(HEAD + text, Path("x.yaml"), None, {})
    except ScenarioError as error:
        return [problem.message for problem in error.problems]
    return []

SHOUT = "flow: [{shout: {text: hey, echo: heard}}]\\n"
flow = load_text(HEAD + "flow: [{repeat: 3, do: [{shout: {text: hey, echo: heard}}, {send: bye}]}]\\n", Path("x.yaml"))
example = YAML(typ="safe", pure=True).load(EXAMPLES["shout"])
outcome = drive({"load": [{"users": 1, "iterations": 1}], "flow": example}, echo())
print(json.dumps({
    "unknown variable": problems("flow: [{shout: {text: '{{ nobody }}', echo: heard}}]\\n"),
    "bad template": problems("flow: [{shout: {text: '{{ 1 + }}', echo: heard}}]\\n"),
    "what it sets": problems(SHOUT.replace("]\\n", ", {log: '{{ heard }}'}]\\n")),
    "too early": problems("flow: [{log: '{{ heard }}'}, {shout: {text: hey, echo: heard}}]\\n"),
    "no connection": problems("flow: [{connect: {as: a}}, {shout: {text: hey, echo: heard, on: b}}]\\n"),
    "in setup": problems("setup: [{shout: {text: hey, echo: heard}}]\\n" + SHOUT),
    "rules that hold": problems(SHOUT + "thresholds: [send_lag.max < 1s, 'error_rate{kind=shout} < 1%']\\n"),
    "rule on nothing": problems(SHOUT + "thresholds: [response_time.p95 < 1s]\\n"),
    "messages": pass_through(flow.scenario.flow, lambda step: step.sends).count,
    "sent": outcome.seen.messages,
    "tried": outcome.failed("shout"),
    "send_lag": outcome.values("send_lag", step="shout").count,
    "logs": [line.text for line in outcome.logs],
    "errors": outcome.errors,
    "in the schema": "ShoutStep" in scenario_schema()["$defs"],
    "in the reference": "### shout" in filled("<!-- steps -->\\n<!-- end -->\\n"),
}))
"""


def _put_in(path: Path, entries: dict[str, str]) -> None:
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for start, entry in entries.items():
        at = next(number for number, line in enumerate(lines) if line.startswith(start))
        lines.insert(at + 1, entry)
    path.write_text("".join(lines), "utf-8")


@cache
def answers() -> dict[str, Any]:
    """Return what a loadws with the verb ``shout`` says of it."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "loadws"
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        for name, text in FILES.items():
            (copy / name).write_text(text, "utf-8")
        for name, entries in ENTRIES.items():
            _put_in(copy / name, entries)
        path = os.pathsep.join((folder, str(REPOSITORY)))
        done = subprocess.run(
            [sys.executable, "-c", ASKING],
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_validate_checks_its_texts() -> None:
    assert answers()["unknown variable"] == ["unknown variable 'nobody'"]
    assert len(answers()["bad template"]) == 1


@pytest.mark.slow
def test_validate_knows_what_it_sets() -> None:
    assert answers()["what it sets"] == []
    assert answers()["too early"] == ["the variable 'heard' is used before it is set"]


@pytest.mark.slow
def test_validate_knows_that_it_needs_a_connection() -> None:
    assert answers()["no connection"] == ["this user opens no connection 'b'"]
    assert answers()["in setup"] == ["setup is run once, without a user and a WebSocket, and 'shout' needs them"]


def test_rules_may_be_on_what_it_measures_and_on_nothing_else() -> None:
    assert answers()["rules that hold"] == []
    assert answers()["rule on nothing"] == ["this scenario has no 'request' step, so 'response_time' will have no data"]


def test_the_plan_counts_what_it_sends() -> None:
    assert answers()["messages"] == 3 * (2 + 1)


def test_it_runs_and_is_measured() -> None:
    assert answers()["sent"] == 2
    assert answers()["tried"] == [0, 1]
    assert answers()["send_lag"] == 2
    assert answers()["logs"] == ["hey 0"]
    assert answers()["errors"] == {}


def test_schema_and_reference_have_it() -> None:
    assert answers()["in the schema"]
    assert answers()["in the reference"]


def test_nothing_else_had_to_be_touched() -> None:
    """Two new files and three old ones, of which the union of steps belongs to the model."""
    assert [*FILES, *ENTRIES] == [
        "scenario/model/steps/shout.py",
        "engine/steps/shout.py",
        "scenario/model/steps/flow.py",
        "engine/steps/registry.py",
        "scenario/docs/examples.py",
    ]
