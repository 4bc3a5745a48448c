"""``--untrusted``: refuse what a scenario may not do before it is reviewed, as in CI for pull requests.

A scenario has loadws' own rights. It can run Python beside it (``call``), read any file (``file``, ``data``, ``tls``) and
any variable of the environment (``env()``, ``${NAME}``), and send these to the target, which it names too. An untrusted
scenario can do none of that beyond its own folder. These checks run before all others, because the others run its code and
read its files.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.step_names import walk_around, walk_steps
from loadws.scenario.named_files import named_files, unpackings
from loadws.scenario.yaml.explain import Problem, ScenarioError, Where
from loadws.scenario.yaml.tree import walk_nodes

_UNIX = "ws+unix:"
_ENV_CALL = re.compile(r"\benv\s*\(")
_TRUST = "look at the scenario, then run it without --untrusted"


def refuse_link(path: Path) -> None:
    """Refuse a scenario that is a link to a file outside of its folder.

    Raises:
        ScenarioError: It is such a link.
    """
    if not _is_within(path.parent, path.name):
        message = "--untrusted: this is a link to a file outside of its folder"
        raise ScenarioError([Problem(path, 0, 0, message, _TRUST)])


def check_untrusted(findings: Findings, *, is_target_ours: bool) -> None:
    """Find every ``call``, function of ``unpack``, ``env()``, and file outside of the scenario's folder.

    ``is_target_ours``: the file names the target.
    """
    _check_calls(findings)
    _check_environment(findings)
    for where, name in named_files(findings.scenario):
        _check_file(findings, where, name)
    if is_target_ours and findings.scenario.target.startswith(_UNIX):
        path = unquote(urlsplit(findings.scenario.target).path.partition(":")[0])
        _check_file(findings, ("target",), path)


def _check_calls(findings: Findings) -> None:
    for where, step in (*walk_steps(findings.scenario), *walk_around(findings.scenario)):
        if step.is_opaque:
            message = f"--untrusted: {step.verb} would run the module's code, already to validate it"
            findings.error((*where, step.verb, "function"), message, _TRUST)
    for where, ways in unpackings(findings.scenario):
        for index, way in enumerate(ways):
            if way.function is not None:
                message = "--untrusted: unpack would run the module's code, already to validate it"
                findings.error((*where, index, "function"), message, _TRUST)


def _check_environment(findings: Findings) -> None:
    """Refuse ``env()`` in texts and keys. A text that only looks like a template is refused too."""
    for node in walk_nodes(findings.root):
        texts = node.value if isinstance(node.value, dict) else (node.value,)
        if any(isinstance(text, str) and "{{" in text and _ENV_CALL.search(text) for text in texts):
            findings.error(node.where, "--untrusted: env() would read the environment", _TRUST)


def _check_file(findings: Findings, where: Where, name: str) -> None:
    if "{{" in name:
        message = "--untrusted: a template makes this file's name, so it may lie anywhere"
        findings.error(where, message, "write the name of a file beside the scenario")
    elif not _is_within(findings.base, name):
        message = "--untrusted: this file lies outside of the scenario's folder"
        findings.error(
            where, message, "place it beside the scenario; a link that leads out of the folder does not count"
        )


def _is_within(base: Path, name: str) -> bool:
    """Return whether a file is in the folder or below it, after all links on the path are followed."""
    try:
        return (base / name).resolve().is_relative_to(base.resolve())
    except (OSError, ValueError, RuntimeError):  # a loop of links, or a name that no file can have
        return False
