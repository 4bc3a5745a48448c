"""The transport: every use of a feature that the one that was chosen does not have."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.features import features_of

#: The transport that can do everything that the language has.
ABLEST = "native"


def check_transport(findings: Findings, name: str, cannot: frozenset[str]) -> None:
    """``cannot`` are the features that the transport ``name`` lacks."""
    for feature in features_of(findings.scenario):
        if feature.name in cannot:
            message = f"--transport {name} has no {feature.name!r}"
            findings.error(feature.where, message, f"use --transport {ABLEST}", at_key=True)
