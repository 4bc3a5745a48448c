"""Find commands, and report a wrong command line in the style of all errors.

That is ``loadws: what is wrong``, and below it what to do next; never a box, and never a usage text without its reason.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
import typer.core
from typer.main import get_command, get_command_name
from typer.models import CommandInfo

from loadws.cli.running.wrong_options import tell_of_wrong_options
from loadws.outputs.destinations import PROMETHEUS
from loadws.terms.errors import ExitCode, did_you_mean

#: The exception that typer raises for a wrong command line.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
#: Stands for ``--`` among arguments: no path has a NUL.
BETWEEN = "\0--"
_SCENARIOS = (".yaml", ".yml")
#: The words that typer's library for choices puts before its sentence.
_LIBRARY_SAYS = ": Value error, "
#: How the sentence of typer's library about a word too many begins.
_TOO_MANY = "Got unexpected extra argument"
#: What an option of a place may be followed by, and what each means alone.
_PLACE = re.compile(r"[^-/][^/]*:[^/:]*|\d+")
_ALONE = {"--dashboard": "127.0.0.1:0", "--prometheus": PROMETHEUS}
#: What is shown while one load goes on, which a command that makes many has no place for.
_LIVE = ("--output", "--prometheus", "--dashboard")
_MANY_LOADS = ("ab", "search")


def examples(*lines: str) -> str:
    """Return an epilog; the mark at its beginning keeps its lines as they are."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def exit_codes() -> str:
    """Return the table of exit codes, for the end of a help text."""
    return "\n".join(("\b", "Exit codes:", *(f"  {code.value} {code.meaning}" for code in sorted(ExitCode))))


class TwoSides(typer.core.TyperCommand):
    """A command whose arguments are two lists with ``--`` between them. Options may stand anywhere."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse with a word in the place of ``--``, which would otherwise be lost."""
        return super().parse_args(ctx, [BETWEEN if arg == "--" else arg for arg in args])


class Commands(typer.core.TyperGroup):
    """The commands. For an unknown one it suggests a similar one."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first argument names. Raises typer's usage error with advice."""
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            ctx.fail(f"there is no command {word!r}{_meant(word, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _meant(word: str, commands: Sequence[str]) -> str:
    if word.endswith(_SCENARIOS):
        return f"; did you mean: loadws run {word}"
    return "; " + (did_you_mean(word, commands) or f"commands are {', '.join(commands)}")


def dispatch(app: typer.Typer, arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit code. Without any argument that is the help, and 2: nothing was done."""
    written = sys.argv[1:] if arguments is None else arguments
    given = with_places(written)
    command = get_command(_with_one_command_whole(app, given))
    if not given:
        dispatch(app, ["--help"])
        return int(ExitCode.USAGE)
    try:
        code = command.main(args=given, prog_name="loadws", standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except typer.Abort:
        return int(ExitCode.INTERRUPTED)
    except _UsageError as error:
        message = _about_place(error, written) or _about_option(error, app) or _for_people(error)
        tell_of_wrong_options(given, message.removeprefix("loadws: "))
        print(message, file=sys.stderr)
        return int(ExitCode.USAGE)
    return code if isinstance(code, int) else 0


def _with_one_command_whole(app: typer.Typer, given: Sequence[str]) -> typer.Typer:
    """Return the commands, of which only the one that is run has its options: typer takes long to look at all of them."""
    word = next((argument for argument in given if not argument.startswith("-")), "")
    lean = copy(app)
    lean.registered_commands = [
        info if _name_of(info) == word else _without_options(info) for info in app.registered_commands
    ]
    return lean


def _name_of(info: CommandInfo) -> str:
    return info.name or get_command_name(getattr(info.callback, "__name__", ""))


def _without_options(info: CommandInfo) -> CommandInfo:
    """Return a command with its name and its help, and with nothing that could be run."""

    def callback() -> None:
        raise AssertionError("a command without its options was run")

    callback.__name__ = _name_of(info)
    callback.__doc__ = info.callback.__doc__
    lean = copy(info)
    lean.callback = callback
    return lean


def with_places(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with an address behind each option that may be alone; the library knows no such options."""
    given = list(arguments)
    for at, option in enumerate(given):
        if option in _ALONE and not any(map(_PLACE.fullmatch, given[at + 1 : at + 2])):
            given[at] = f"{option}={_ALONE[option]}"
    return given


def _about_place(error: Any, written: Sequence[str]) -> str:
    """Return the text for a word behind an option that may be alone, where it was meant as an address and has no port; empty
    for any other error.
    """
    if not str(getattr(error, "message", "")).startswith(_TOO_MANY):
        return ""
    for option, word in pairwise(written):
        is_other = word.startswith("-") or word.endswith(_SCENARIOS) or _PLACE.fullmatch(word) or Path(word).exists()
        if option in _ALONE and not is_other:
            host, port = word.rstrip(":"), _ALONE[option].rpartition(":")[2]
            example = f"{option} [{host}]:{port}" if ":" in host else f"{option} {host}:{port}"
            return (
                f"loadws: {option} {word}: an address has a port\n"
                f"  write {example}, or {option} alone, which is {_ALONE[option]}"
            )
    return ""


def _for_people(error: Any) -> str:
    """Return ``loadws: message`` and the help to read next, without typer's full stop."""
    message = " ".join(error.format_message().split()).removesuffix(".").replace(_LIBRARY_SAYS, ": ")
    path = error.ctx.command_path if error.ctx is not None else "loadws"
    return f"loadws: {message}\n  {path} --help shows what there is"


def _about_option(error: Any, app: typer.Typer) -> str:
    """Return the text for an option that the command does not have and another one has; empty for any other error."""
    option = getattr(error, "option_name", None)
    if type(error).__name__ != "NoSuchOption" or not isinstance(option, str) or error.ctx is None:
        return ""
    command = error.ctx.info_name
    owners = [name for name, each in get_command(app).commands.items() if name != command and _has(each, option)]  # type: ignore[attr-defined]
    if not owners:
        return ""
    if option in _LIVE and command in _MANY_LOADS:
        why = f"it shows one load while it goes on, and loadws {command} makes many short ones"
    else:
        why = f"it is one of loadws {', '.join(owners)}"
    return f"loadws: loadws {command} has no {option}: {why}\n  loadws {command} --help shows what there is"


def _has(command: Any, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)
