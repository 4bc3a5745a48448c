"""Find every use of a feature that the chosen transport lacks."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.features import features_of
from loadws.terms.transports import having, traits_of


def check_transport(findings: Findings, name: str) -> None:
    """Report each use of a feature that the transport of this name lacks."""
    lacks = traits_of(name).lacks
    for feature in features_of(findings.scenario):
        if feature.name in lacks:
            message = f"--transport {name} has no {feature.name!r}"
            findings.error(feature.where, message, f"use --transport {having(feature.name)[0]}", at_key=True)
