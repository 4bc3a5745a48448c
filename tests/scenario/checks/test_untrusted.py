"""``--untrusted``: no code, no file outside of the folder, no environment; each is refused at its place, untouched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadws.scenario.build import Loaded, Overrides, load_scenario
from loadws.scenario.yaml.explain import ScenarioError

UNTRUSTED = Overrides(untrusted=True)
OUTSIDE = "--untrusted: this file lies outside of the scenario's folder"
CALL = "--untrusted: call would run the module's code, already to validate it"
ENV_CALL = "--untrusted: env() would read the environment"


def load(folder: Path, overrides: Overrides = UNTRUSTED, **more: Any) -> Loaded:
    scenario = {"target": "ws://h", "load": [{"users": 1, "for": "1s"}], "flow": ["connect"], **more}
    path = folder / "s.yaml"
    path.write_text(json.dumps(scenario))
    return load_scenario(path, overrides, {"TOKEN": "from-the-environment"})


def refused(folder: Path, overrides: Overrides = UNTRUSTED, **more: Any) -> list[tuple[str, str]]:
    """Where, and why."""
    with pytest.raises(ScenarioError) as caught:
        load(folder, overrides, **more)
    return [(".".join(map(str, problem.where)), problem.message) for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario's folder, with files in it, a file beside it, and links that lead out of it and about in it."""
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    (tmp_path / "outside.csv").write_text("a\n1\n")
    for name in ("inner.csv", "deep/inner.csv"):
        (inside / name).write_text("a\n1\n")
    (inside / "leads_out.csv").symlink_to(tmp_path / "outside.csv")
    (inside / "leads_about.csv").symlink_to(inside / "deep" / "inner.csv")
    (inside / "out").symlink_to(tmp_path)
    (inside / "loop.csv").symlink_to(inside / "loop.csv")
    return inside


@pytest.mark.parametrize("name", ["inner.csv", "deep/inner.csv", "deep/../inner.csv", "leads_about.csv"])
def test_files_of_the_folder_may_be_read(folder: Path, name: str) -> None:
    load(folder, data={"rows": {"file": name}}, flow=["connect", {"send": {"file": name}}])


@pytest.mark.parametrize(
    "name", ["../outside.csv", "leads_out.csv", "out/outside.csv", "/etc/passwd", "/proc/self/environ", "loop.csv"]
)
def test_files_beyond_it_may_not(folder: Path, name: str) -> None:
    assert refused(folder, data={"rows": {"file": name}}) == [("data.rows.file", OUTSIDE)]


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"flow": ["connect", {"send": {"file": "../x"}}]}, "flow.1.send.file"),
        ({"flow": ["connect", {"send": {"binary": {"file": "../x"}}}]}, "flow.1.send.binary.file"),
        ({"flow": ["connect", {"request": {"send": {"file": "../x"}}}]}, "flow.1.request.send.file"),
        ({"flow": ["connect", {"repeat": 2, "do": [{"send": {"file": "../x"}}]}]}, "flow.1.do.0.send.file"),
        ({"on": {"close": [{"http": {"post": "http://h", "file": "../x"}}]}}, "on.close.0.http.file"),
        ({"setup": [{"http": {"post": "http://h", "file": "../x"}}]}, "setup.0.http.file"),
        ({"connection": {"tls": {"ca": "../x"}}}, "connection.tls.ca"),
        ({"connection": {"tls": {"certificate": "../x"}}}, "connection.tls.certificate"),
        ({"flow": [{"connect": {"tls": {"certificate": "x", "key": "../x"}}}]}, "flow.0.connect.tls.key"),
        ({"target": "ws+unix:///run/docker.sock:/"}, "target"),
    ],
)
def test_wherever_a_file_is_named(folder: Path, more: dict[str, Any], where: str) -> None:
    assert refused(folder, **more) == [(where, OUTSIDE)]


def test_a_target_of_the_command_line_is_its_users(folder: Path) -> None:
    load(folder, Overrides(untrusted=True, target="ws+unix:///run/some.sock:/"))


def test_a_templates_file_may_lie_anywhere(folder: Path) -> None:
    found = refused(folder, variables={"n": "x"}, connection={"tls": {"certificate": "{{ n }}.pem"}})
    assert found == [
        ("connection.tls.certificate", "--untrusted: a template makes this file's name, so it may lie anywhere")
    ]


def test_no_module_is_imported(folder: Path) -> None:
    (folder / "flows.py").write_text(
        f"import pathlib\npathlib.Path({str(folder / 'ran')!r}).touch()\nasync def main(user): pass\n"
    )
    call = {"call": "flows:main"}
    assert refused(folder, flow=["connect", call]) == [("flow.1.call", CALL)]
    assert refused(folder, flow={"call": "flows:main"})[0][1] == CALL
    assert refused(folder, setup=[call]) == [("setup.0.call", CALL)]
    assert not (folder / "ran").exists()
    load(folder, Overrides(), flow=["connect", call])
    assert (folder / "ran").exists()


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"variables": {"a": "{{ env('TOKEN') }}"}}, "variables.a"),
        ({"variables": {"a": {"b": ["{{ env ( 'TOKEN' ) | default(1) }}"]}}}, "variables.a.b.0"),
        ({"flow": ["connect", {"send": {"json": {"{{ env('TOKEN') }}": 1}}}]}, "flow.1.send.json"),
        ({"flow": ["connect", {"request": {"send": "a", "reply": {"check": {"text": "{{ env('A') }}"}}}}]},
         "flow.1.request.reply.check.text"),
    ],
)  # fmt: skip
def test_env_is_not_called(folder: Path, more: dict[str, Any], where: str) -> None:
    assert refused(folder, **more) == [(where, ENV_CALL)]


def test_a_reference_gets_its_default_or_nothing(folder: Path) -> None:
    """The environment has a TOKEN, and the scenario does not see it."""
    assert load(folder, variables={"a": "${TOKEN:-none}"}).scenario.variables == {"a": "none"}
    assert refused(folder, variables={"a": "x ${TOKEN}"}) == [
        ("variables.a", "--untrusted keeps the environment from the scenario: ${TOKEN} cannot be read")
    ]


def test_a_scenario_that_is_a_link_to_another_file_is_not_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password: hunter2")
    (folder / "link.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(folder / "link.yaml", UNTRUSTED, {})
    assert str(caught.value) == (
        f"{folder / 'link.yaml'}: --untrusted: this is a link to a file outside of its folder; "
        "look at the scenario, then run it without --untrusted"
    )


def test_trusted_it_may_do_all_of_that(folder: Path) -> None:
    found = load(
        folder,
        Overrides(),
        data={"rows": {"file": "../outside.csv"}},
        variables={"a": "${TOKEN}", "b": "{{ env('A') }}"},
    )
    assert found.scenario.variables["a"] == "from-the-environment"


def test_a_function_that_unpacks_is_refused(folder: Path) -> None:
    message = "--untrusted: unpack would run the module's code, already to validate it"
    function = {"function": "flows:main"}
    assert refused(folder, connection={"unpack": [function]}) == [("connection.unpack.0.function", message)]
    steps = [{"connect": {"unpack": ["lines", function]}}]
    assert refused(folder, flow=steps) == [("flow.0.connect.unpack.1.function", message)]
    waits = [{"wait_for": {"where": {"unpack": ["lines", function]}}}]
    assert refused(folder, flow=waits) == [("flow.0.wait_for.where.unpack.1.function", message)]
