"""Cross-checks: faults of a scenario whose parts each have the right shape. Each file has one concern."""

from __future__ import annotations

from loadws.scenario.checks.connecting.connections import check_connections
from loadws.scenario.checks.connecting.http import check_http
from loadws.scenario.checks.connecting.network import check_network
from loadws.scenario.checks.connecting.target import check_target
from loadws.scenario.checks.connecting.tls import check_tls
from loadws.scenario.checks.connecting.unpacking import check_unpacking
from loadws.scenario.checks.files import check_data, check_payload_files
from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.flow.answers import check_answers
from loadws.scenario.checks.flow.around import check_around
from loadws.scenario.checks.flow.barriers import check_barriers
from loadws.scenario.checks.flow.calls import check_calls
from loadws.scenario.checks.flow.flows import check_flows
from loadws.scenario.checks.flow.measures import check_measures
from loadws.scenario.checks.flow.probes import check_probes
from loadws.scenario.checks.flow.protocols import check_protocol
from loadws.scenario.checks.flow.variables import check_variables
from loadws.scenario.checks.load import check_load, check_user_types
from loadws.scenario.checks.rules import check_thresholds
from loadws.scenario.checks.rules.own import OwnMetrics, check_own_metrics
from loadws.terms.thresholds import Threshold


def check_all(findings: Findings, own: OwnMetrics) -> tuple[Threshold, ...]:
    """Find every fault that can be found without a network. Returns the thresholds that could be parsed."""
    check_target(findings)
    check_network(findings)
    check_load(findings)
    check_user_types(findings)
    check_flows(findings)
    check_answers(findings)
    check_connections(findings)
    check_barriers(findings)
    check_probes(findings)
    check_protocol(findings)
    check_measures(findings)
    check_around(findings)
    check_http(findings)
    check_calls(findings)
    check_unpacking(findings)
    check_variables(findings, check_data(findings))
    check_payload_files(findings)
    check_tls(findings)
    check_own_metrics(findings)
    return check_thresholds(findings, own)
