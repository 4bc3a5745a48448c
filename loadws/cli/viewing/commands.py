"""``loadws view``, as typer reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadws.cli.options import told
from loadws.target.options import Address, parse_listen

VIEW_EXAMPLES = ("loadws view", "loadws view reports/chat --open", "loadws view reports --export site")
_LISTEN = Address("127.0.0.1", 8089)


def view(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="A folder with runs, at any depth.")] = Path(
        "reports"
    ),
    listen: Annotated[
        Address,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            parser=told(parse_listen),
            help="Where to serve; port 0 takes a free one. Beyond loopback all can read the runs.",
            show_default=str(_LISTEN),
        ),
    ] = _LISTEN,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="DIR", help="Write static pages there instead, and end.", show_default=False),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show the list in the browser.")] = False,
) -> int:
    """Look at all runs in the browser.

    Verdicts, trends, history with change points, comparisons of those that are ticked. It changes and deletes
    nothing, and shows nothing outside of DIR.
    """
    from loadws.cli.viewing.view import ViewOptions, view_command

    return view_command(ViewOptions(folder, listen.host, listen.port, export, open_))
