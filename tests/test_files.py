"""The house stays easy to find one's way in: no crowded folder, no crumb without a reason, no two things of one name.

Each test lists all that breaks its rule. The tables give what may stand, with the reason.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.kit import plain
from tests.kit.sources import ROOT, files, graph, relative

FILES_IN_A_FOLDER = 16
#: A file of fewer lines than this that only one other file imports is a crumb: it has a reason, or goes to its importer.
LINES_OF_A_CRUMB = 60
#: Rooms in which each file is one of many alike, listed by one registry: that is why it has one importer.
ONE_OF_MANY = {
    "cli": "a command of its own, which app.py imports when it is called",
    "engine/steps": "a verb's code, which the registry lists",
    "gate/statistics": "a procedure from a textbook, with its tests",
    "importers": "a part of a recording",
    "outputs/kinds": "one kind of output, which is imported when it is asked for",
    "report/pipelines": "what one CI service is told, or what all of them share",
    "report/formats": "what one format holds, which the table of formats lists",
    "scenario/checks": "a check of one subject, which the list of checks calls",
    "scenario/model": "the keys of one subject",
    "target/speaking": "what the server of one protocol says, which servers.py lists",
    "terms": "a fact, which the rooms above share",
}
#: Other crumbs, and why each is a file of its own.
CRUMBS = {
    "gate/comparing/capacity.py": "the course of a search, tested without a load",
    "report/comparing/change_bar.py": "a small drawing, tested without a page",
    "report/comparing/line_chart.py": "the chart of a value over runs, tested without a page",
    "report/comparing/selected.py": "the values that a page shows of each run, tested without one",
    "cli/comparing/comparison_files.py": "what a page that cannot be made must not take with it",
    "report/comparing/search.py": "a search as text and as a page, apart from the search",
    "gate/comparing/order.py": "the random order of slices, held by a property test",
    "report/course/spans.py": "how seconds become spans, tested without a run",
    "report/html/bars.py": "small bars and signs that several sections draw",
    "report/html/compiled.py": "where compiled templates are kept, tested without a report",
    "report/html/ledger_flow.py": "one drawing of the report, tested without a page",
    "report/html/coded.py": "what of a sentence is code, tested without a page",
    "report/html/packed.py": "how numbers are written for the script, tested without a page",
    "report/html/refusals.py": "which answers of a server are alike, tested without a page",
    "report/html/glossary.py": "which terms the page explains",
    "report/html/numbers.py": "how the page writes numbers",
    "metrics/output.py": "the seam that every output is written to, known by its shape and not by an import",
    "metrics/by_machine.py": "what each machine of a merged run had, which no single run needs",
    "cluster/scaling.py": "runs inside the scheduler, where nothing else of loadws need be",
    "cluster/processes.py": "starts processes of this machine, which is one way of several",
    "gate/comparing/absolute.py": "thresholds among rules of a comparison, apart from the rules on changes",
    "report/comparing/bare_page.py": "the frame of a page without scripts, whatever stands in it",
    "outputs/base_units.py": "which unit a figure has outside of loadws",
    "outputs/exported_names.py": "the rules of names, held by their own test",
    "outputs/receivers.py": "addresses of receivers, read by the command line and by what connects",
    "outputs/bounded_labels.py": "the bound on labels, tested without a run",
    "gate/standing.py": "thresholds in the middle of a run, which no verdict needs",
    "report/terminal/trace.py": "what stays on the terminal, tested without one",
    "web/files_below.py": "what keeps a path inside a folder, held by a property test",
    "report/tables/machines.py": "one table of the report",
    "pytest_plugin/plugin.py": "what pytest imports in every session, and nothing more",
    "cli/running/place.py": "knows CI services, tested with an environment that is none",
    "transport/codec/xor.py": "the way without C, apart from the one that is used",
    "engine/runtime/backoff.py": "pure arithmetic, tested without a connection",
    "engine/runtime/connection/unreadable.py": "keeps the hot path's file to messages that can be read",
    "engine/runtime/protocol/turns.py": "calls in their order, apart from what they are",
    "engine/runtime/explaining.py": "is imported only by a run with --trace",
    "plan/allocation.py": "pure arithmetic, held to its proof by a property test",
    "scenario/file_name.py": "reads files that are wrong, with nothing of the parser",
    "target/cores.py": "asks the operating system, which most of the target does not",
    "transport/http/follow.py": "redirects, tested without a network",
    "metrics/histograms/dense.py": "the only file that sees hdrhistogram",
    "transport/registry.py": "imports a transport and its library only when it is asked for",
    "transport/native/stamped_reactor.py": "a second reactor, for platforms that stamp what arrives",
    "transport/opening/connect_tunnel.py": "one protocol of a proxy, beside socks.py",
    "transport/opening/proxy.py": "which protocol a proxy speaks, and what its failures are called",
    "transport/tls/stream.py": "TLS for the library that wants a stream, beside TLS for bytes",
}
#: Rooms that treat one subject each in their own way: as it is written, as it is judged, as it is done, as it is counted,
#: as it is ordered on the command line. A file there may be called as that of another of these rooms.
WAYS = (
    "scenario/model",
    "scenario/checks",
    "engine",
    "metrics/recording",
    "cli",
    "plan",
    "report",
    "metrics",
    "importers",
)
#: Other files that share a name, and why.
SHARED_NAMES = {
    "lines.py": "live figures as lines of a file, and the lines that the live view draws",
    "history.py": "runs over time: the command, the figures, what is judged of them, and the page",
    "page.py": "the frame of a page without scripts, and the page of a report",
    "plot.py": "the chart of a comparison, and what all charts are drawn with",
    "samples.py": "samples that are expected, that are told of before a run, and that slices have",
    "connection.py": "the key `connection`, and the connection of each of our clients",
    "live.py": "the figures of a running second, and the view that shows them",
    "messages.py": "the verbs on messages, and the messages of HTTP",
    "options.py": "what the command line asked of loadws, and what it asked of the target",
    "outcome.py": "what comes of a run, and what comes of a comparison",
    "cluster.py": "the option of the command line, and what it does",
    "functions.py": "Python beside a scenario, and JavaScript beside a script of Artillery",
    "importing.py": "the way from a file of one tool to a scenario",
    "matching.py": "which message a step waits for, in each language",
    "commands.py": "the options of a group of commands, as typer reads them",
    "measured.py": "the verbs that measure, and the figures of a run that a comparison reads",
    "share.py": "what the command line says of a share, and the process that makes one for a coordinator",
    "compare.py": "the command, and what it does with the runs",
    "identity.py": "what a machine is called, and whether two runs may be compared",
    "rules.py": "the rules that a command line names, and what rules of a comparison are",
    "shares.py": "a load cut for several machines, and the statistics of failed shares",
    "verdict.py": "what comes of one run, and what comes of a comparison",
    "calibrate.py": "the command, and what it runs",
    "registry.py": "the list of a room's implementations",
    "schema.py": "the command, and the schema that it prints",
    "secrets.py": "what counts as secret, where a scenario holds it, and whether its key is right",
    "setup_teardown.py": "run once around one process's load, and around that of all",
    "transport.py": "the transport of each of our clients, and the check of what it lacks",
    "process.py": "a process of load, that of the target, and that of live outputs",
}


def test_no_folder_is_crowded() -> None:
    counts = Counter(path.parent for path in files())
    assert {relative(folder): count for folder, count in counts.items() if count > FILES_IN_A_FOLDER} == {}


def crumbs() -> list[str]:
    """Return the small files that at most one other imports, but for packages and the program's door."""
    importers = Counter(imported for all_imported in graph().values() for imported in all_imported)
    return [
        relative(path)
        for path in files()
        if path.name not in ("__init__.py", "__main__.py")
        and importers[path] <= 1
        and len(path.read_text("utf-8").splitlines()) < LINES_OF_A_CRUMB
    ]


@pytest.mark.slow
def test_a_crumb_has_a_reason() -> None:
    assert [name for name in crumbs() if name not in CRUMBS and not _is_in(name, tuple(ONE_OF_MANY))] == []


def test_reasons_are_of_files_that_exist() -> None:
    assert [name for name in CRUMBS if not (ROOT / name).is_file()] == []
    assert set(SHARED_NAMES) <= {path.name for path in files()}


def test_no_two_files_share_a_name_and_do_different_things() -> None:
    assert {
        name: places for name, places in _namesakes().items() if name not in SHARED_NAMES and not _ways(places)
    } == {}


def _namesakes() -> dict[str, list[str]]:
    """Return the files that share a name, by name; but for ``__init__.py``."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in files():
        by_name[path.name].append(relative(path))
    return {name: places for name, places in by_name.items() if len(places) > 1 and name != "__init__.py"}


def _ways(places: list[str]) -> bool:
    """Return whether each file lies in another of the rooms that treat a subject in their own way."""
    rooms = [next((way for way in WAYS if _is_in(place, (way,))), None) for place in places]
    return None not in rooms and len(set(rooms)) == len(rooms)


def _is_in(name: str, rooms: tuple[str, ...]) -> bool:
    return any(Path(name).is_relative_to(room) for room in rooms)


TESTS = Path(__file__).parent
#: Written out by a test, these would be copies of ``tests/kit/plain.py``.
_COPIES = re.compile(
    rf"^(?:def (?:{'|'.join(name for name, value in vars(plain).items() if inspect.isfunction(value))})\("
    r"|[A-Z]+ = 1_000_000(?:_000)?\b|.*\bRunInfo\()",
    re.MULTILINE,
)


def copies(source: str) -> list[str]:
    return [match[0] for match in _COPIES.finditer(source)]


def test_what_the_kit_has_is_defined_there_only() -> None:
    kit = Path(inspect.getfile(plain))
    found = {
        path.relative_to(TESTS).as_posix(): copies(path.read_text("utf-8"))
        for path in TESTS.rglob("*.py")
        if path not in (kit, Path(__file__))
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("MS = 1_000_000\n", 1),
        ("SECOND = 1_000_000_000\n", 1),
        ("def once(*steps: Any) -> Any:\n", 1),
        ("    return RunInfo(schema_version=1)\n", 1),
        ("MOST = 1_000_000_001\nfrom tests.kit.plain import MS, once\n", 0),
    ],
)
def test_what_is_a_copy(source: str, expected: int) -> None:
    assert len(copies(source)) == expected


def test_what_names_tests_is_the_same_in_every_process() -> None:
    """gzip writes the time into its bytes. Where those name a parameter, the workers of a run collect different tests."""
    tests = Path(__file__).parent
    calls = re.compile(r"gzip\.compress\((?!.*mtime=0)")
    assert [
        path.name for path in tests.rglob("*.py") if path != Path(__file__) and calls.search(path.read_text("utf-8"))
    ] == []


def test_what_a_busy_machine_does_to_a_verdict_is_said_once() -> None:
    """A test with a list of its own knows "invalid" and forgets "inconclusive", and fails where loadws stood still."""
    tests = Path(__file__).parent
    lists = re.compile(r"code\w* in \(0, [^)]*\)")
    assert lists.search("assert found.code in (0, 4)")
    assert [
        path.name for path in tests.rglob("*.py") if path != Path(__file__) and lists.search(path.read_text("utf-8"))
    ] == []  # RAN_WHOLE of tests/kit/judged.py has them all


#: What reads like a module in a docstring and is a key of a scenario, or a file of data.
NO_MODULES = {"report.css", "report.js", "metrics.txt", "metrics.proto", "scenario.thresholds", "scenario.compare"}


def test_every_module_that_a_docstring_names_exists() -> None:
    """A module that moved leaves its old name behind in the words of others."""
    rooms = "|".join(path.name for path in ROOT.iterdir() if path.is_dir())
    named = re.compile(rf"``((?:{rooms})(?:\.\w+)+)``")
    found = {
        (relative(path), name)
        for path in files()
        for name in named.findall(path.read_text("utf-8"))
        if not _is_there(name)
    }
    assert {each for each in found if each[1] not in NO_MODULES} == set()


def _is_there(name: str) -> bool:
    """Return whether a dotted name is a module, a folder, or a word of a module."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ROOT.joinpath(*parts[:length])
        if module.with_suffix(".py").is_file():
            return length == len(parts) or parts[length] in module.with_suffix(".py").read_text("utf-8")
        if module.is_dir():
            return length == len(parts)
    return False


def test_no_file_has_the_marks_of_a_merge() -> None:
    """A conflict that was committed is no error of any other test where the file is prose."""
    marks = re.compile(r"^(?:<{7}|>{7}|\|{7}) ", re.MULTILINE)
    root = Path(__file__).parents[1]
    texts = [*root.glob("*.md"), *root.glob("*.toml")]
    for folder in ("loadws", "scenarios", "tests"):
        texts += (path for path in root.joinpath(folder).rglob("*") if path.suffix in _TEXTS)
    assert len(texts) > 1000
    assert [str(path.relative_to(root)) for path in texts if marks.search(path.read_text("utf-8", "replace"))] == []


#: The endings of files that people write.
_TEXTS = frozenset(".css .html .j2 .jinja .js .json .md .proto .py .toml .txt .yaml .yml".split())
