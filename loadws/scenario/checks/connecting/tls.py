"""Check that the files of ``tls`` exist, can be used and fit each other; warn where verification is off."""

from __future__ import annotations

from collections.abc import Iterator

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.connection import Tls
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import ConnectStep
from loadws.scenario.model.tls import UNVERIFIED, TlsFileError, make_context
from loadws.scenario.yaml.explain import Where


def check_tls(findings: Findings) -> None:
    seen: set[object] = set()
    for where, tls, written in _uses(findings):
        if not tls.verify and "verify" in written.model_fields_set:
            findings.warning((*where, "verify"), UNVERIFIED, "give the CA that signed the certificate: ca")
        _check_pair(findings, where, tls, written)
        _check_files(findings, where, tls, seen)


def _uses(findings: Findings) -> Iterator[tuple[Where, Tls, Tls]]:
    """Yield each place with TLS settings: the place, the settings in effect there, and those written there."""
    general = findings.scenario.connection.tls
    yield ("connection", "tls"), general, general
    for where, step in walk_steps(findings.scenario):
        if isinstance(step, ConnectStep) and step.connect.tls is not None:
            yield (*where, "connect", "tls"), general.overridden(step.connect.tls), step.connect.tls


def _check_pair(findings: Findings, where: Where, tls: Tls, written: Tls) -> None:
    for key, needed in (("key", "certificate"), ("key_password", "certificate")):
        if key in written.model_fields_set and getattr(tls, key) is not None and getattr(tls, needed) is None:
            findings.error((*where, key), f"there is a {key} and no {needed}", f"name both, or none: {needed}")


def _check_files(findings: Findings, where: Where, tls: Tls, seen: set[object]) -> None:
    """Load the files into a context, once for equal settings. Names made by templates are only known in the run."""
    texts = (tls.certificate, tls.key, tls.key_password)
    if any("{{" in text for text in texts if text is not None):
        tls = tls.model_copy(update={"certificate": None, "key": None, "key_password": None})
    settings = tls.settings(str)
    if settings in seen or (settings.ca is None and settings.certificate is None):
        return
    seen.add(settings)
    try:
        make_context(settings, findings.base, is_one_of_many=True)
    except TlsFileError as error:
        findings.error((*where, error.key), str(error), error.advice)
