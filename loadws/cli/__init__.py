"""The command line: wiring, prompts and exit codes only. ``main`` is what the ``loadws`` command calls."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Sequence

from loadws.cli.masked import DEFECT
from loadws.cli.screen import OUTPUT
from loadws.terms.errors import ExitCode, LoadwsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: nothing that goes wrong ends without a line that says what.

    ``arguments`` are the process's own unless given. What typer itself finds wrong with them ends with 2.
    """
    # Modules and models are made to stay: to look through them for garbage again and again takes a fifth of the start.
    gc.set_threshold(50_000)
    OUTPUT.is_product = True
    with OUTPUT.guarded():
        return OUTPUT.ended(_code_of(arguments))


def _code_of(arguments: Sequence[str] | None) -> int:
    try:
        return _dispatch(arguments)
    except LoadwsError as error:
        print(error.for_people(), file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except Exception:
        traceback.print_exc()
        print(f"\nloadws: {DEFECT}", file=sys.stderr)
        return int(ExitCode.DEFECT)


def _dispatch(arguments: Sequence[str] | None) -> int:
    from loadws.cli.app import app
    from loadws.cli.usage import dispatch

    return dispatch(app, arguments)
