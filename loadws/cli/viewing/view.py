"""``loadws view``: look at the runs below a folder in a browser."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import msgspec
import trio

from loadws.cli.viewing.export import export
from loadws.cli.viewing.site import RunSite
from loadws.report.archive.archive import Archive
from loadws.terms.errors import ExitCode, UsageError
from loadws.web.serving import open_listeners, port_of, serve
from loadws.web.visitors import is_loopback


class ViewOptions(msgspec.Struct, frozen=True):
    """The options of ``loadws view``. ``export`` is the folder for static pages; None: serve."""

    folder: Path
    host: str
    port: int
    export: Path | None
    open: bool


def view_command(options: ViewOptions) -> int:
    """Serve or export the runs; return the exit code. Raises ``UsageError`` where there are no runs or no port."""
    _require_runs(options.folder)
    if options.export is not None:
        count = export(options.folder, options.export)
        print(f"{count} runs written to {options.export / 'index.html'}")
        return int(ExitCode.PASSED)
    trio.run(_serve, options)
    return int(ExitCode.PASSED)


def _require_runs(folder: Path) -> None:
    if not folder.is_dir():
        there_is = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        raise UsageError(there_is, "name a folder with runs: loadws view reports")
    if not Archive(folder).look(most=1).entries:
        raise UsageError(
            f"{folder} has no run",
            "name the folder that `loadws run --out` wrote to, or make a run first: loadws run …",
        )


async def _serve(options: ViewOptions) -> None:
    listeners = await open_listeners(options.host, options.port)
    shown = f"[{options.host}]" if ":" in options.host else options.host
    address = f"http://{shown}:{port_of(listeners)}"
    if not is_loopback(options.host):
        print(
            f"warning: {shown} is not loopback: all who reach this machine can read the runs, and nothing asks for a "
            "password",
            file=sys.stderr,
        )
    print(f"Runs           {address}/\nNewest report  {address}/newest\nCtrl-C ends it; nothing is changed or deleted.")
    sys.stdout.flush()
    if options.open:
        await trio.to_thread.run_sync(webbrowser.open, f"{address}/")
    try:
        await serve(listeners, RunSite(options.folder).answer)
    except* KeyboardInterrupt:
        print()
