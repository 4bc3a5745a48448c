from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio

from loadws.cli.viewing.site import RunSite
from loadws.web.dialogue import Answer, Asked
from tests.cli.commands import run
from tests.report import example
from tests.report.archive.made import keep


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    for day in range(1, 4):
        keep(root, "chat", day, of=example.summary(20))
    keep(root, "feed", 9)
    (root / "torn" / "20261110T000000Z").mkdir(parents=True)
    (root / "torn" / "20261110T000000Z" / "summary.json").write_text("{")
    return root


def _asked(root: Path, *targets: str) -> list[Answer]:
    """Return what a site answers, one after the other."""

    async def main() -> list[Answer]:
        site = RunSite(root)
        return [await site.answer(Asked.of(target)) for target in targets]

    return trio.run(main)


def _text(answer: Answer) -> str:
    assert isinstance(answer.body, bytes)
    return answer.body.decode()


def test_the_list_and_its_filters(runs: Path) -> None:
    whole, chat, nothing, far = _asked(runs, "/", "/?scenario=chat", "/?words=nowhere", "/?page=99999999999")
    assert _text(whole).count('name="run"') == 4  # the torn one cannot be ticked
    assert _text(chat).count('name="run"') == 3
    assert "No run is like this." in _text(nothing)
    assert far.status == 200


def test_the_newest_report_is_opened(runs: Path) -> None:
    [answer] = _asked(runs, "/newest")
    assert (answer.status, answer.headers["Location"]) == (303, "/runs/feed/20261109T080000Z/report.html")


def test_history_is_made_again_only_when_a_run_lands(runs: Path) -> None:
    async def main() -> None:
        site = RunSite(runs)
        first = await site.answer(Asked.of("/history.html"))
        assert (await site.answer(Asked.of("/history.html"))).body is first.body
        keep(runs, "chat", 20)
        again = _text(await site.answer(Asked.of("/history.html")))
        assert "2026-11-20 08:00" in again
        assert "<h2>chat</h2>" in again

    trio.run(main)


def test_ticked_runs_are_compared(runs: Path) -> None:
    day = "chat/2026110{}T080000Z"
    ticks = "&".join(f"run={day.format(number)}" for number in (3, 1, 2))
    [answer] = _asked(runs, f"/compare?{ticks}")
    assert answer.status == 200
    assert "<dt>baseline</dt> <dd>2 runs" in _text(answer)
    assert f"<dt>candidate</dt> <dd>1 run ({runs}/{day.format(3)})" in _text(answer)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("/compare", "0 runs cannot be compared."),
        ("/compare?run=chat/20261101T080000Z", "1 runs cannot be compared."),
        ("/compare?run=../../etc&run=/etc/passwd", "0 runs cannot be compared."),
        ("/compare?run=chat/20261101T080000Z&run=feed/20261109T080000Z", "These runs cannot be compared: "),
    ],
)
def test_what_cannot_be_compared_is_told(runs: Path, asked: str, said: str) -> None:
    [answer] = _asked(runs, asked)
    assert answer.status == 400
    assert said in _text(answer)


def test_files_of_runs_and_nothing_else(runs: Path) -> None:
    (runs.parent / "secret").write_text("secret")
    (runs / "chat" / "link").symlink_to(runs.parent / "secret")
    found, *others = _asked(
        runs, "/runs/chat/20261101T080000Z/report.html", "/runs/../secret", "/runs/%2e%2e/secret", "/runs/chat/link",
        "/runs/", "/runs//etc/passwd", "/nothing", "/archive.css/../../secret",
    )  # fmt: skip
    assert found.body == (runs / "chat/20261101T080000Z/report.html").resolve()
    assert [answer.status for answer in others] == [404] * 7


def test_news_come_when_a_run_lands(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadws.cli.viewing.site.LOOK_EVERY_S", 0)

    async def main() -> None:
        site = RunSite(runs)
        [body] = [(await site.answer(Asked.of("/events"))).body]
        assert callable(body)
        news = body()
        first = await anext(news)
        assert first.startswith(b"event: state\ndata: ")
        assert await anext(news) == b": still here\n\n"
        keep(runs, "chat", 21)
        assert (await anext(news)).startswith(b"event: state\ndata: ")
        await news.aclose()

    trio.run(main)


def test_static_pages(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site"
    (runs / "chat" / "20261101T080000Z" / "summary.md").symlink_to(tmp_path / "secret")
    result = run(capsys, "view", str(runs), "--export", str(site))
    assert (result.code, result.out, result.err) == (0, f"5 runs written to {site / 'index.html'}\n", "")
    page = (site / "index.html").read_text()
    assert 'name="run"' not in page  # nothing compares what is ticked
    assert 'href="runs/chat/20261103T080000Z/report.html"' in page
    assert (site / "runs/chat/20261103T080000Z/report.html").is_file()
    assert not (site / "runs/chat/20261101T080000Z/summary.md").exists()
    assert 'href="compare/chat_20261103T080000Z.html"' in page
    assert (site / "report.css").is_file() and (site / "report.js").is_file()
    assert "comparison" in (site / "compare/chat_20261103T080000Z.html").read_text()
    assert "<h2>chat</h2>" in (site / "history.html").read_text()
    assert {"archive.css", "archive.js"} <= {file.name for file in site.iterdir()}


def test_static_pages_do_not_go_among_the_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "view", str(runs), "--export", str(runs / "site"))
    assert result.code == 2
    assert "lie in one another" in result.err


def test_a_folder_that_is_not_there_and_one_without_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = run(capsys, "view", str(tmp_path / "none"))
    told = f"loadws: there is no folder {tmp_path / 'none'}\n  name a folder with runs: loadws view reports\n"
    assert (missing.code, missing.err) == (2, told)
    empty = run(capsys, "view", str(tmp_path))
    told = "  name the folder that `loadws run --out` wrote to, or make a run first: loadws run …\n"
    assert (empty.code, empty.err) == (2, f"loadws: {tmp_path} has no run\n{told}")


def test_a_busy_port_is_exit_2(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        result = run(capsys, "view", str(runs), "--listen", f"127.0.0.1:{port}")
    assert result.code == 2
    assert f"127.0.0.1:{port} cannot be listened on" in result.err
    assert "name another port" in result.err
