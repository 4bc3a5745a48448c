"""Check the files that a scenario names: data and payloads. Paths are relative to the scenario's folder."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.flow.variables import Columns
from loadws.scenario.checks.load import expected_arrivals, most_held
from loadws.scenario.data.feed import DataError, open_feed
from loadws.scenario.matching.matchers import NO_SCOPE
from loadws.scenario.model.model import DataSource
from loadws.scenario.model.steps.payload import ProtobufValue
from loadws.scenario.named_files import payloads
from loadws.scenario.template.template import TemplateError, compile_value
from loadws.scenario.template.values import EvaluationError
from loadws.scenario.unpacking.protobuf import ProtobufError, message_type
from loadws.scenario.yaml.explain import Where
from loadws.terms.units import format_size

#: The largest message that a file may make.
LARGEST_PAYLOAD = 64 * 2**20


def check_data(findings: Findings) -> Columns:
    """Read every data file, and return the columns of those that can be read."""
    columns = {}
    for name, source in findings.scenario.data.items():
        try:
            feed = open_feed(source, findings.base)
        except DataError as error:
            findings.error(("data", name, "file"), str(error), error.advice)
        else:
            columns[name] = feed.columns
            if not source.repeats and source.order != "random" and source.scope == "shared":
                _check_rows_suffice(findings, name, source, len(feed))
    return columns


def _check_rows_suffice(findings: Findings, name: str, source: DataSource, rows: int) -> None:
    """Warn of too few rows. It is no error, because the command line may ask for fewer users."""
    held, arriving = most_held(findings.scenario.load), expected_arrivals(findings.scenario.load)
    flows = sum(phase.iterations or 0 for phase in findings.scenario.load)
    users = f"{held:,} users are held" + (f" and some {arriving:,} arrive" if arriving else "")
    has = f"and the file has {rows:,} row{'' if rows == 1 else 's'}"
    repeat = "order: sequential begins again from the top"
    if held + arriving > rows:
        who = users if held else f"some {arriving:,} users arrive"
        findings.warning(("data", name, "file"), f"{who}, {has}", f"users without a row do nothing; {repeat}")
    elif source.next != "user" and flows > rows:
        message = f"{flows:,} flows are to run, each takes a row with next: {source.next}, {has}"
        findings.warning(("data", name, "file"), message, f"a user that finds no row ends; {repeat}")


def check_payload_files(findings: Findings) -> None:
    for where, payload in payloads(findings.scenario):
        if payload.file is not None:
            _check_text(findings, (*where, "file"), payload.file, takes_templates=payload.template)
        if payload.binary is not None and payload.binary.file is not None:
            _read(findings, (*where, "binary", "file"), payload.binary.file)
        if payload.protobuf is not None:
            _check_protobuf(findings, (*where, "protobuf"), payload.protobuf)


def _check_protobuf(findings: Findings, where: Where, payload: ProtobufValue) -> None:
    """Check a type, the names of the fields, and a value without templates as a whole."""
    try:
        of = message_type(findings.base, payload.file, payload.message)
        of.check_names(payload.value)
    except ProtobufError as error:
        findings.error((*where, error.key), str(error), error.advice)
        return
    try:
        compiled = compile_value(payload.value)
        if compiled.constant:
            of.write(compiled.evaluate(NO_SCOPE))
    except TemplateError:
        pass  # it has its own message
    except EvaluationError as error:
        findings.error((*where, "value"), str(error))


def _check_text(findings: Findings, where: Where, name: str, *, takes_templates: bool) -> None:
    content = _read(findings, where, name)
    if content is None:
        return
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        message = f"the file {name!r} is not UTF-8 (byte {error.start})"
        findings.error(where, message, "send it as binary: {file: ...}")
        return
    if "{{" in text and not takes_templates:
        line = text.count("\n", 0, text.index("{{")) + 1
        message = f"{name}:{line}: here is {{{{ in the file, which is sent as it is"
        findings.warning(where, message, "if that is a template, write template: true beside file")


def _read(findings: Findings, where: Where, name: str) -> bytes | None:
    """Return the bytes of a file; None where it cannot be read, which is an error.

    A pipe or device is not opened, because that could wait for ever.
    """
    file = findings.base / name
    try:
        if file.exists() and not file.is_file():
            reason = "it is not a file"
        elif file.stat().st_size > LARGEST_PAYLOAD:
            reason = f"it is larger than {format_size(LARGEST_PAYLOAD)}"
        else:
            return file.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except ValueError:  # a NUL in the name
        reason = "no file can have this name"
    findings.error(where, f"the file {name!r} cannot be read: {reason}", "paths are relative to the scenario")
    return None
