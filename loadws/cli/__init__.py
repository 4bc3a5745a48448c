"""The command line: arguments, prompts and exit codes only. The ``loadws`` command calls ``main``."""

from __future__ import annotations

import atexit
import errno
import gc
import sys
from collections.abc import Sequence

from loadws.cli.quick.stored_help import keep_help, quick_answer
from loadws.cli.screen import OUTPUT
from loadws.terms.errors import ExitCode, LoadwsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Every failure prints a line that says what went wrong.

    ``arguments`` are the process's own unless given. Arguments that typer refuses end with 2.
    """
    # Modules and models are never garbage: to examine them again and again needs a fifth of the start's time. The start
    # of a run makes 150,000 objects.
    gc.set_threshold(200_000)
    _leave_all_behind_at_exit()
    OUTPUT.is_product = True
    with OUTPUT.guarded():
        return OUTPUT.ended(_code_of(arguments))


def _leave_all_behind_at_exit() -> None:
    """Keep the interpreter from searching all modules for garbage when it ends, which needs a fifth of a short command."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def _code_of(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if (answer := quick_answer(given or ["--help"])) is not None:
            print(answer, end="")
            return int(ExitCode.PASSED if given else ExitCode.USAGE)
        return _dispatch(given)
    except LoadwsError as error:
        if not error.is_told:
            from loadws.cli.running.wrong_options import tell_of_wrong_options

            tell_of_wrong_options(arguments, f"{error}\n{error.advice}")
        print(error.for_people(), file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        # Only the system knows which names are too long for it, and Path.exists() raises that.
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            print(f"loadws: this name is too long for the file system: {error.filename}", file=sys.stderr)
            return int(ExitCode.USAGE)
        import traceback

        from loadws.cli.masked import DEFECT

        traceback.print_exc()
        print(f"\nloadws: {DEFECT}", file=sys.stderr)
        return int(ExitCode.DEFECT)


def _dispatch(given: Sequence[str]) -> int:
    from loadws.cli.app import app
    from loadws.cli.usage import dispatch

    return keep_help(given, lambda: dispatch(app, given))
