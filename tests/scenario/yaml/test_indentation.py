"""Wrong indentation, and the advice that mends it: what the parser refuses, and keys that stand beside their verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.build import load_text
from loadws.scenario.yaml.explain import ScenarioError

HEAD = "target: ws://h\nload: [{users: 1, for: 1s}]\n"


def problems_of(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_text(text, Path("s.yaml"), env={})
    return [f"{problem.line}: {problem.message}; {problem.advice}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a key that is one short of its item's first key
        ("target: a\nload:\n  - users: 1\n   for: 5s\n",
         "4: this line is indented by 3 spaces, and 'users' in line 3 by 4; "
         "indent it by 4 too; lines of one block begin at the same column"),
        # one further than it
        ("target: a\nload:\n  - users: 1\n     for: 5s\n",
         "4: this line is indented by 5 spaces, and 'users' in line 3 by 4; "
         "indent it by 4 too; or, if it belongs to 'users', write what stands behind that colon below it, too"),
        # a reply below a request that has its text behind the colon
        ("flow:\n  - request: hello\n      reply: {where: 1}\n",
         "3: this line is indented by 6 spaces, and 'request' in line 2 by 4; "
         "indent it by 4 too; or, if it belongs to 'request', write what stands behind that colon below it, too"),
        ("target: a\n load: []\n",
         "2: this line is indented by 1 space, and 'target' in line 1 by 0; "
         "indent it by 0 too; or, if it belongs to 'target', write what stands behind that colon below it, too"),
        ("  target: a\nload: []\n",
         "2: this line is indented by 0 spaces, and 'target' in line 1 by 2; "
         "indent it by 2 too; lines of one block begin at the same column"),
        # dashes
        ("flow:\n    - connect\n  - request: a\n",
         "3: this line is indented by 2 spaces, and '- connect' in line 2 by 4; "
         "indent it by 4 too; lines of one block begin at the same column"),
        ("flow:\n  - connect\n    - request: a\n",
         "3: this line is indented by 4 spaces, and '- connect' in line 2 by 2; "
         "indent it by 2 too; lines of one block begin at the same column"),
        # mappings in mappings; comments and blank lines do not count
        ("connection:\n    headers: {a: b}\n\n # a comment\n  query: {a: b}\n",
         "5: this line is indented by 2 spaces, and 'headers' in line 2 by 4; "
         "indent it by 4 too; lines of one block begin at the same column"),
        ("connection:\n  headers: {a: b}\n    query: {a: b}\n",
         "3: this line is indented by 4 spaces, and 'headers' in line 2 by 2; "
         "indent it by 2 too; or, if it belongs to 'headers', write what stands behind that colon below it, too"),
    ],
)  # fmt: skip
def test_two_lines_that_do_not_fit_are_named_with_their_columns(text: str, expected: str) -> None:
    assert problems_of(text) == [expected]


def test_a_colon_in_a_text_is_no_matter_of_indentation() -> None:
    [problem] = problems_of("flow:\n  - log: room: lobby\n")
    assert (
        problem
        == "2: not YAML: mapping values are not allowed here; quote text that holds ': ', and look at the indentation"
    )


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        # the verb's own keys, at the verb's column
        ("  - request:\n    send: hello\n", "indent 'send' further than 'request'"),
        ("  - request:\n    send: hello\n    reply: {where: {$.a: 1}}\n",
         "indent 'send' and 'reply' further than 'request'"),
        ("  - request:\n    reply: {where: {$.a: 1}}\n    name: x\n", "indent 'reply' further than 'request'"),
        ("  - connect:\n    path: /a\n", "indent 'path' further than 'connect'"),
        ("  - wait_for:\n    where: {$.a: 1}\n    within: 2s\n", "indent 'where' and 'within' further than 'wait_for'"),
        ("  - http:\n    get: /a\n    check: {status: 200}\n", "indent 'get' and 'check' further than 'http'"),
        # behind a text there is no place for them
        ("  - request: hello\n    reply: {where: {$.a: 1}}\n",
         "'reply' stands inside 'request': write request: {..., reply: ...}"),
        # a dash too many
        ("  - every: 1s\n  - do: [{send: a}]\n",
         "it belongs to a step 'every': write no dash before it, and indent it like that word"),
        # two steps without a dash between them
        ("  - send: a\n    think: 1s\n", "make them steps of their own"),
    ],
)  # fmt: skip
def test_the_commonest_slips_of_steps_get_the_advice_that_mends_them(flow: str, expected: str) -> None:
    found = problems_of(HEAD + "flow:\n" + flow)
    assert any(problem.endswith(f"; {expected}") for problem in found), found
