from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadws.web.dialogue import FILE_POLICY, Asked
from loadws.web.files_below import file_answer, file_below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a run, links of every kind, and a secret beside it."""
    runs = tmp_path / "runs"
    (runs / "chat" / "1").mkdir(parents=True)
    (runs / "chat" / "1" / "report.html").write_text("the report")
    (runs / "chat" / ".hidden").write_text("hidden")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "report.html").write_text("secret")
    (runs / "chat" / "latest").symlink_to("1", target_is_directory=True)
    (runs / "chat" / "out.html").symlink_to(tmp_path / "secret")
    (runs / "chat" / "out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (runs / "chat" / "loop").symlink_to("loop")
    return runs


@pytest.mark.parametrize(
    "path", ["chat/1/report.html", "chat//1/report.html", "chat/./1/report.html", "chat/latest/report.html"]
)
def test_files_of_runs_are_there(root: Path, path: str) -> None:
    assert file_below(root, path) == root.resolve() / "chat/1/report.html"


@pytest.mark.parametrize(
    "path",
    [
        "../secret", "chat/../../secret", "chat/1/../../../secret", "/etc/passwd", "//etc/passwd", "..\\secret", "chat/1\0",
        "chat/out.html", "chat/out/report.html", "chat/loop", "chat/.hidden", "chat/1", "", ".", "chat/none", "a" * 5_000,
    ],
)  # fmt: skip
def test_nothing_else_is_there(root: Path, path: str) -> None:
    assert file_below(root, path) is None


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            ["..", ".", "chat", "1", "out", "latest", "secret", "%2e%2e", "%2f", "%5c..", "%00", "//", "etc"]
        ),
        max_size=7,
    )
)
def test_no_path_leads_outside(root: Path, parts: list[str]) -> None:
    target = "/runs/" + "/".join(parts)
    try:
        path = Asked.of(target).path
    except ValueError:
        return
    file = file_below(root, path.removeprefix("/runs/"))
    assert file is None or file.is_relative_to(root.resolve())


def test_a_file_has_an_origin_of_its_own(root: Path) -> None:
    answer = file_answer(root / "chat/1/report.html")
    assert (answer.kind, answer.policy) == ("text/html; charset=utf-8", FILE_POLICY)
    assert "sandbox" in FILE_POLICY
    assert "allow-same-origin" not in FILE_POLICY
    assert file_answer(Path("scenario.yaml")).kind == "text/plain; charset=utf-8"
    assert file_answer(Path("windows.ndjson")).kind == "text/plain; charset=utf-8"
