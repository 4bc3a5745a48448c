"""``loadws import`` and its formats, as typer reads them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loadws.cli.options import told
from loadws.cli.usage import Commands
from loadws.terms.errors import UsageError

imports = typer.Typer(name="import", cls=Commands, rich_markup_mode=None, no_args_is_help=True)

Out = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The scenario to write; - prints it to standard output.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 if anything was left out.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]
SCENARIO = Path("scenario.yaml")


def parse_speed(text: str) -> float:
    """Return the factor by which a recording is replayed faster than it was recorded.

    Raises:
        UsageError: The text is not a number above 0.
    """
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise UsageError(f"{text!r} is no speed", "2 is twice as fast as recorded, 0.5 half as fast")
    return speed


_EXAMPLES = """\b
Examples:
  loadws import har session.har
  loadws import har session.har -o chat.yaml --speed 2
"""


_ARTILLERY_EXAMPLES = """\b
Examples:
  loadws import artillery load.yml
  loadws import artillery load.yml -o load.yaml --environment staging
"""


@imports.callback(epilog=_EXAMPLES)
def import_() -> None:
    """Make a scenario from a recording or from another tool's script.

    Parts that cannot be carried over are listed, and are comments in the scenario.
    """


@imports.command(epilog=_EXAMPLES)
def har(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A recording of a browser or proxy.", show_default=False)
    ],
    output: Out = SCENARIO,
    strict: Strict = False,
    speed: Annotated[
        float,
        typer.Option(metavar="X", parser=told(parse_speed), help="Divide the recorded pauses by this; 2 halves them."),
    ] = 1.0,
    raw_frames: Annotated[
        bool,
        typer.Option("--raw-frames", help="Keep messages as they are, also those of a protocol that loadws speaks."),
    ] = False,
    force: Force = False,
) -> int:
    """Make a scenario from a HAR file: each WebSocket is a user.

    Chrome, Edge, mitmproxy, HTTP Toolkit and others write WebSocket messages into HAR files. Firefox does not.
    """
    from loadws.cli.importing.import_file import ImportOptions, import_command
    from loadws.importers.har.importing import import_har

    options = ImportOptions(file, output, strict, force)
    return import_command(options, partial(import_har, speed=speed, raw_frames=raw_frames))


@imports.command(epilog=_ARTILLERY_EXAMPLES)
def artillery(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A script of Artillery, YAML or JSON.", show_default=False)
    ],
    output: Out = SCENARIO,
    strict: Strict = False,
    environment: Annotated[
        str | None,
        typer.Option("--environment", "-e", metavar="NAME", help="The environment of the script to use."),
    ] = None,
    force: Force = False,
) -> int:
    """Make a scenario from an Artillery script, engines ws and socketio.

    JavaScript functions are listed, and a Python file with their stubs is written beside the scenario.
    """
    from loadws.cli.importing.import_file import ImportOptions, import_command
    from loadws.importers.artillery.import_script import import_artillery

    options = ImportOptions(file, output, strict, force)
    convert = partial(import_artillery, environment=environment, folder=output.parent)
    return import_command(options, convert)
