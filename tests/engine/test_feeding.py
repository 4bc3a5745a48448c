"""Data by use: what takes the next row, in every place where a step can read one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Behaviour, Leave, Say, echo

SAY: dict[str, Any] = {"request": {"send": "{{ rows.n }}"}}
TWICE: dict[str, Any] = {"request": {"send": "{{ rows.n }}/{{ rows.n }}"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(8)))
    return tmp_path


def run(
    folder: Path, flow: list[Any], behaviour: Behaviour | None = None, users: int = 1, flows: int = 1, **more: Any
) -> Outcome:
    source = {"file": "rows.csv", **more.pop("source", {})}
    document = {"load": [{"users": users, "iterations": flows}], "data": {"rows": source}, "flow": flow, **more}
    return drive(document, behaviour or echo(), base=folder)


def sent(outcome: Outcome) -> list[str]:
    return list(map(str, outcome.seen.payloads))


@pytest.mark.parametrize(
    ("next_", "expected"),
    [
        ("user", ["0/0", "0/0", "0/0"]),
        ("session", ["0/0", "1/1", "2/2"]),
        ("turn", ["0/0", "1/1", "2/2"]),
        ("use", ["0/0", "1/1", "2/2"]),
    ],
)
def test_a_session_again_and_again(folder: Path, next_: str, expected: list[str]) -> None:
    outcome = run(folder, ["connect", TWICE, "close"], flows=3, source={"next": next_})
    assert sent(outcome) == expected


@pytest.mark.parametrize(("scope", "expected"), [("user", ["0", "1", "2", "3"]), ("session", ["0", "1", "0", "1"])])
@pytest.mark.parametrize("next_", ["turn", "use"])
def test_a_session_begins_with_the_first_row_again_where_it_is_said(
    folder: Path, next_: str, scope: str, expected: list[str]
) -> None:
    flow = ["connect", {"repeat": 2, "do": [SAY]}, "close"]
    assert sent(run(folder, flow, flows=2, source={"next": next_, "scope": scope})) == expected


def test_chunks_are_sent_one_after_another(folder: Path) -> None:
    (folder / "say.bin").write_bytes(b"abcdefg")
    say = {"send": {"binary": {"base64": "{{ rows.bytes | base64 }}"}}}
    source = {"file": "say.bin", "chunk_size": "3B", "next": "turn", "scope": "session"}
    outcome = run(folder, ["connect", {"every": "10ms", "for": "30ms", "align": True, "do": [say]}, "close"],
                  source=source)  # fmt: skip
    assert list(outcome.seen.payloads) == [b"abc", b"def", b"g"]


@pytest.mark.parametrize(
    ("next_", "expected"),
    [
        ("session", ["0", "0"] * 3),
        ("turn", ["0", "0", "1", "1", "2", "2"]),
        ("use", ["0", "1", "2", "3", "4", "5"]),
    ],
)
@pytest.mark.parametrize(
    "loop",
    [
        lambda steps: [{"repeat": 3, "do": steps}],
        lambda steps: [{"every": "100ms", "for": "300ms", "align": True, "do": steps}],
        lambda steps: [{"every": "100ms", "for": "300ms", "align": True, "overlap": True, "do": steps}],
        lambda steps: [{"set": {"i": 0}}, {"while": "{{ i < 3 }}", "do": [*steps, {"set": {"i": "{{ i + 1 }}"}}]}],
    ],
)
def test_turns_of_a_loop(folder: Path, loop: Any, next_: str, expected: list[str]) -> None:
    """A turn takes its row at the first step that reads it, so none is left out before the first turn."""
    outcome = run(folder, loop([SAY, SAY]), source={"next": next_})
    assert sent(outcome) == expected


def test_flows_on_one_connection_are_turns(folder: Path) -> None:
    assert sent(run(folder, [SAY, SAY], flows=3, source={"next": "turn"})) == ["0", "0", "1", "1", "2", "2"]


def test_what_no_step_reads_takes_no_row(folder: Path) -> None:
    flow = [{"repeat": 2, "do": [{"request": "rows.n"}, {"if": "{{ false }}", "then": [SAY]}, {"think": "1s"}]}, SAY]
    assert sent(run(folder, flow, source={"next": "use"})) == ["rows.n", "rows.n", "0"]


@pytest.mark.parametrize(
    "step",
    [
        {"request": {"send": "a", "reply": {"check": {"text": "{{ 'a' if rows.n == '0' else 'b' }}"}}}},
        {"send": {"json": {"deep": [{"{{ rows.n }}": 1}]}}},
        {"send": {"binary": {"hex": "0{{ rows.n }}"}}},
        {"send": {"file": "said.txt", "template": True}},
        {"set": {"x": "{{ rows.n }}"}},
        {"if": "{{ rows.n == '0' }}", "then": []},
        {"log": "{{ rows.n }}"},
        {"check": "{{ rows.n == '0' }}"},
        {"repeat": "{{ rows.n | int }}", "do": [{"log": "x"}]},
    ],
    ids=str,
)
def test_every_kind_of_step_that_reads_a_row_takes_one(folder: Path, step: Any) -> None:
    (folder / "said.txt").write_text("{{ rows.n }}")
    outcome = run(folder, [step, {"log": "then {{ rows.n }}"}], source={"next": "use"})
    assert outcome.errors == {}
    assert outcome.logs[-1].text == "then 1"


def test_a_connection_reads_a_row_where_it_opens(folder: Path) -> None:
    query = {"query": {"n": "{{ rows.n }}"}}
    outcome = run(folder, ["connect", SAY], flows=2, source={"next": "use"}, connection=query)
    assert [url.partition("?")[2] for url in outcome.seen.urls] == ["n=0", "n=2"]
    assert sent(outcome) == ["1", "3"]


def test_a_variable_reads_a_row_as_the_session_begins(folder: Path) -> None:
    flow = ["connect", {"request": {"send": "{{ who }} {{ rows.n }}"}}]
    outcome = run(folder, flow, flows=2, source={"next": "turn"}, variables={"who": "{{ rows.n }}"})
    assert sent(outcome) == ["0 0", "1 1"]  # the first turn's row, too


def test_handlers_take_rows_too(folder: Path) -> None:
    on = {"message": [{"where": {"text": "tick"}, "do": [{"send": "{{ rows.n }}"}]}]}
    ticks = Behaviour(on_open=lambda _: [Say("tick", n * 1_000_000) for n in range(3)])
    outcome = run(folder, [{"think": "1s"}], ticks, source={"next": "use"}, on=on)
    assert sent(outcome) == ["0", "1", "2"]


def test_users_share_the_rows_or_go_through_them_for_themselves(folder: Path) -> None:
    flow = ["connect", {"repeat": 2, "do": [SAY, {"think": "1s"}]}]
    shared = run(folder, flow, users=2, flows=2, source={"next": "turn"})
    assert sorted(sent(shared)) == ["0", "1", "2", "3"]
    own = run(folder, flow, users=2, flows=2, source={"next": "turn", "scope": "user"})
    assert sorted(sent(own)) == ["0", "0", "1", "1"]


@pytest.mark.parametrize("next_", ["session", "turn", "use"])
def test_a_user_that_finds_no_row_ends(folder: Path, next_: str) -> None:
    flow: list[Any] = ["connect", SAY, "close"] if next_ == "session" else [SAY]
    outcome = run(folder, flow, flows=20, source={"next": next_, "order": "unique"})
    assert sent(outcome) == list("01234567")
    assert outcome.errors == {"data_exhausted": 1}
    assert f"one for each {next_}" in outcome.samples[0].detail


def test_a_row_stands_while_a_lost_connection_is_opened_again(folder: Path) -> None:
    """The request of the upgrade is made anew between two turns, where no step has taken a row yet."""
    connection = {"query": {"n": "{{ rows.n }}"}, "reconnect": {"backoff": "1ms"}, "expect_close": [1000]}
    behaviour = Behaviour(on_message=lambda payload, _: (Say(payload), Leave(1000)))
    flow = ["connect", {"repeat": 2, "do": [{"think": "1s"}, SAY]}]
    outcome = run(folder, flow, behaviour, source={"next": "turn"}, connection=connection)
    assert "template" not in outcome.errors
    assert sent(outcome) == ["1", "2"]
