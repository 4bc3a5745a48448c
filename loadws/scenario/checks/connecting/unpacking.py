"""Check how connections unpack their messages: JSONPaths, and functions beside the scenario."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.data.functions import FunctionError
from loadws.scenario.matching.extract import MatchError
from loadws.scenario.named_files import unpackings
from loadws.scenario.unpacking.protobuf import ProtobufError
from loadws.scenario.unpacking.unpack import compile_way


def check_unpacking(findings: Findings) -> None:
    """Compile every way to read a message, and add an error for each that is wrong."""
    for where, ways in unpackings(findings.scenario):
        for index, way in enumerate(ways):
            try:
                compile_way(way, findings.base)
            except MatchError as error:
                findings.error((*where, index, *error.path), str(error), error.advice)
            except FunctionError as error:
                findings.error((*where, index, "function"), str(error), error.advice)
            except ProtobufError as error:
                findings.error((*where, index, "protobuf", error.key), str(error), error.advice)
