"""Tell a CI service of a wrong command line, which no command has read: a job that ends before its load has to say why."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from loadws.report.pipelines.services import CiAsked, find_service
from loadws.terms.errors import ExitCode

#: The commands that have ``--ci``.
_TELLING = ("run", "ab", "compare", "search", "merge")
_SCENARIOS = (".yaml", ".yml")


def tell_of_wrong_options(arguments: Sequence[str] | None, message: str) -> None:
    """Report the message to the service that ``--ci`` names, or that the environment is of."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in _TELLING:
        return
    service = find_service(_asked(words), os.environ)
    if service.service is None:
        return
    from loadws.cli.running.ci import tell  # slow to import, and of no use without a service
    from loadws.report.pipelines.refused import result_of_error

    title = next((Path(word).name for word in words if word.endswith(_SCENARIOS)), words[0])
    tell(service, result_of_error(title, ExitCode.USAGE, message), to_stderr=True)


def _asked(words: Sequence[str]) -> CiAsked:
    """Return the value of ``--ci``; ``auto`` where it has none, or one that is wrong itself."""
    given = "auto"
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == "--ci":
            given = after
        elif word.startswith("--ci="):
            given = word.partition("=")[2]
    return cast("CiAsked", given) if given in get_args(CiAsked) else "auto"
