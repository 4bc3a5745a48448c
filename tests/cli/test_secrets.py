"""Secrets are in no file and on no stream: real runs against a server that repeats whatever it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadws.report.folder import read_run
from loadws.report.formats.formats import FORMATS
from loadws.report.pipelines.result import result_of_run
from loadws.report.pipelines.services import SERVICES
from loadws.report.pipelines.tellers import telling_for
from tests.cli.telling import COOKIE, TOKEN, telling_server, ways
from tests.kit.judged import RAN_WHOLE

#: Each with signs that some writer escapes, and a core that none does.
PASSWORD = 'pa"ss WORDPLANTED/\\<ö&%'
SECRETS = {
    "a variable": PASSWORD,
    "a part of a mapping": "MAPPINGPLANTED/ü",
    "an item of a list": "LISTPLANTED+1",
    "a column": "COLUMNPLANTED~é",
    "a variable of the environment": "ENVPLANTED?=",
    "a variable of env()": "CALLPLANTED'+",
    "a setting": "SETPLANTED&%",
    "a captured token": TOKEN,
    "a cookie": COOKIE,
    "a header": "HEADERPLANTED==",
    "a basic password": "BASICPLANTED",
    "a parameter of the target": "TARGETPLANTED",
    "a parameter that is no secret by its name": "ROOMPLANTED",
    "a proxy's password": "PROXYPLANTED",
}
#: What each text of a run may be made of.
SOURCES = (
    "{{ password }}", "{{ creds.key }}", "{{ creds.list[0] }}", "{{ accounts.password }}", "{{ from_env }}",
    "{{ from_call }}", "{{ setting }}", "{{ token }}",
)  # fmt: skip

SCENARIO = """
name: planted
target: ws://127.0.0.1:${PORT}/?access_token=${IN_TARGET}&room=${ROOM}
secrets: [password, creds, accounts.password, from_env, from_call, setting, token]
variables:
  password: %(password)s
  creds: {key: MAPPINGPLANTED/ü, list: [LISTPLANTED+1], since: 2024}
  from_env: Bearer ${FROM_ENV}
  from_call: "{{ env('FROM_CALL') }}"
  setting: none
data: {accounts: {file: accounts.csv}}
graceful_stop: 2s
load: [{users: 2, for: 30s, iterations: 2}]
connection:
  cookies: {other: GIVENCOOKIE==}
  headers: {X-Api-Key: HEADERPLANTED==, Authorization: "Basic {{ ('anna:' ~ env('BASIC')) | base64 }}"}
setup:
  - log: "setup {{ password }}"
teardown:
  - log: "teardown {{ creds.key }}"
on:
  error: [{log: "{{ error.kind }} {{ error.detail }}"}]
  close: [{log: "{{ code }} {{ reason }}"}, {count: "closed {{ reason }}"}]
flow:
  - http: {name: log in, post: "http://127.0.0.1:${PORT}/login", capture: {token: $.token}}
%(steps)s
  - connect:
      on_failure: continue
      path: /refused
      query: {token: "{{ token }}", p: "{{ password }}"}
      headers: {X-Api: "{{ token }}"}
  - connect: {on_failure: end_session, proxy: "http://anna:${PROXY_PASSWORD}@127.0.0.1:1", as: proxied}
"""
STEPS = """
  - set: {{derived: "of {source}"}}
  - log: "{{{{ derived }}}}"
  - count: "count {source}"
  - record: {{name: n, value: "{source}", on_failure: continue}}
  - http: {{post: "http://127.0.0.1:${{PORT}}/fails", json: {{say: "{source}"}}, query: {{q: "{source}"}}}}
    on_failure: continue
  - http: {{post: "http://127.0.0.1:${{PORT}}/is", form: {{say: "{source}"}}, check: {{text: "{source}"}}}}
    on_failure: continue
  - connect: {{name: connect, headers: {{X-Hello: "{{{{ ('u:' ~ derived) | base64 }}}}"}}}}
  - request:
      name: ask
      send: {{json: {{id: 1, say: "{source}"}}}}
      reply: {{where: {{$.id: 1}}, check: {{$.you_said: thanks, text: "not {source}"}}, capture: {{x: $.nope}}, within: 5s}}
      on_failure: continue
  - send: {{json: {{id: 2, say: "{source}"}}}}
  - expect_none: {{for: 2s, on_failure: continue}}
  - call: {{function: "flows:told", args: {{word: "{source}"}}, on_failure: continue}}
  - request: {{name: leave, send: {{json: {{op: leave, say: "{source}"}}}}, on_failure: continue}}
"""
FLOWS = """
from loadws import User


async def told(user: User, word: str) -> None:
    user.log(f"python {word}")
    user.count(f"python {word}")
    user.check(False, f"python {word}")
    raise ValueError(word)
"""
ENVIRONMENT = {
    "FROM_ENV": SECRETS["a variable of the environment"],
    "FROM_CALL": SECRETS["a variable of env()"],
    "BASIC": SECRETS["a basic password"],
    "IN_TARGET": SECRETS["a parameter of the target"],
    "ROOM": SECRETS["a parameter that is no secret by its name"],
    "PROXY_PASSWORD": SECRETS["a proxy's password"],
}


@dataclass(frozen=True)
class Told:
    """All that a run has said: its files by name, and what stood on its streams."""

    texts: dict[str, str]

    def places_of(self, telling: str) -> list[str]:
        """Where it stands, with some of what is around it."""
        return [
            f"{name}: {text[max(0, match.start() - 60) : match.end() + 20]}"
            for name, text in self.texts.items()
            for match in re.finditer(re.escape(telling), text)
        ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the scenario is, with a server that it fits; the server's port is in the file ``port``."""
    path = tmp_path_factory.mktemp("planted")
    steps = "".join(STEPS.format(source=source) for source in SOURCES)
    (path / "planted.yaml").write_text(SCENARIO % {"password": json.dumps(PASSWORD), "steps": steps})
    (path / "accounts.csv").write_text(f"name,password\nanna,{SECRETS['a column']}\nbert,{SECRETS['a column']}\n")
    (path / "flows.py").write_text(FLOWS)
    with telling_server() as port:
        (path / "port").write_text(str(port))
        yield path


def said_by(folder: Path, out: Path, *options: str) -> Told:
    """A run in this process, with its environment and the streams caught."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "PORT": (folder / "port").read_text()}.items():
            patch.setenv(name, value)
        for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
            patch.setenv(name, str(out / name))
        patch.setattr("sys.argv", ["loadws", "run", "planted.yaml", *options])
        return _caught(folder, out, options)


def _caught(folder: Path, out: Path, options: tuple[str, ...]) -> Told:
    import contextlib
    import io

    from loadws.cli import main

    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(["run", str(folder / "planted.yaml"), "--out", str(out), *options])
    assert code in (1, *RAN_WHOLE), stderr.getvalue()
    paths = [path for pattern in ("*", "planted/2*/*") for path in out.glob(pattern) if path.is_file()]
    files = {path.name: path.read_bytes().decode("utf-8", "replace") for path in paths}
    if "--ci" in options:
        files |= _told_to_services(out)
    return Told({**files, "stdout": stdout.getvalue(), "stderr": stderr.getvalue()})


def _told_to_services(out: Path) -> dict[str, str]:
    """Return what each CI service would be told of the run."""
    [folder] = out.glob("planted/2*")
    result = result_of_run(read_run(folder).summary, folder, folder / "report.html")
    environment = {"CI_PROJECT_DIR": str(out), "CI_JOB_URL": "https://gitlab.example/-/jobs/7"}
    return {
        name: "\n".join((*told.lines, *(each.decode() for each in told.written.values())))
        for name in SERVICES
        for told in [telling_for(name, result, environment)]
    }


SETTING = ("--set", f"setting={SECRETS['a setting']}")
RUNS = {
    "one process": SETTING,
    "two processes": (*SETTING, "--processes", "2"),
    "trio-websocket": (*SETTING, "--transport", "trio-websocket"),
    "trace": (*SETTING, "--trace"),
    "every format": (*SETTING, "--formats", ",".join(FORMATS), "--ci", "github"),
}


@pytest.fixture(scope="module", params=RUNS)
def told(request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return said_by(folder, tmp_path_factory.mktemp("out"), *RUNS[request.param])


@pytest.mark.slow
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_nowhere(told: Told, secret: str) -> None:
    for way, telling in ways(SECRETS[secret]).items():
        assert told.places_of(telling) == [], f"{secret}, as {way} writes it"
    core = re.search("[A-Z]{8,}", SECRETS[secret])
    assert core is not None
    assert told.places_of(core[0]) == []


@pytest.mark.slow
def test_the_texts_that_could_have_told_are_there(told: Told) -> None:
    """Or else the test above tests nothing."""
    if "summary.json" not in told.texts:
        said = told.texts["stdout"]
        assert "setup: setup ***" in said
        for kind in ("check", "call.crashed", "unexpected", "http.500", "http.403", "closed.4000", "record"):
            assert f"error {kind} in " in said
        return
    if "GITHUB_STEP_SUMMARY" in told.texts:
        assert {each.file for each in FORMATS.values()} | {"comment.md", "GITHUB_OUTPUT"} <= set(told.texts)
        assert all("&#42;" * 3 in told.texts[name] for name in ("GITHUB_STEP_SUMMARY", "comment.md"))
    errors = [json.loads(line) for line in told.texts["errors.ndjson"].splitlines()]
    kinds = {error["kind"] for error in errors}
    assert kinds >= {"check", "capture", "call.crashed", "unexpected", "http.500", "http.403", "closed.4000", "record"}
    for kind in ("check", "call.crashed", "unexpected", "closed.4000", "record"):
        assert any("***" in error["detail"] for error in errors if error["kind"] == kind), kind
    for kind in ("http.500", "http.403"):
        assert all("***" in error["body"] for error in errors if error["kind"] == kind), kind
    windows = told.texts["windows.ndjson"]
    for text in ("of ***", "python ***", "count ***", "closed no ***"):
        assert text in windows
    info = json.loads(told.texts["run.json"])
    assert info["target"].endswith("/?access_token=${IN_TARGET}&room=${ROOM}")
    assert "setting=(masked)" in info["command"]
    assert "access_token=${IN_TARGET}" in told.texts["scenario.yaml"]
    assert "***" in told.texts["report.html"]
    assert "***" in told.texts["summary.json"]
