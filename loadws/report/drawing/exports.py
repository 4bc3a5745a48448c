"""Charts as files: pictures (SVG, PNG) and numbers (CSV), one file for each chart."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from loadws.report.drawing.drawing import Drawing, Drawn
from loadws.terms.errors import OutputError
from loadws.terms.files.whole import write_whole

_WIDTH = 960  # pixels
_FORMULA = ("=", "+", "-", "@", "\t")


def export(drawing: Drawing, folders: dict[str, Path]) -> list[Path]:
    """Write the charts into the folder of each kind (``svg``, ``png``, ``csv``); return the files.

    Raises:
        OutputError: A file cannot be written, or the library that makes PNG is not installed.
    """
    makers = {kind: _MAKERS[kind] for kind in folders}
    if "png" in folders:
        _check_png()
    written = []
    for kind, folder in folders.items():
        for chart in drawing.charts:
            path = folder / f"{chart.name}.{kind}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write_whole(path, makers[kind](chart))
            except OSError as error:
                reason = error.strerror or str(error)
                raise OutputError(
                    f"{path} cannot be written: {reason}", f"choose another folder with --{kind}"
                ) from error
            written.append(path)
    return written


def _check_png() -> None:
    try:
        import resvg_py  # noqa: F401 (only whether it is there)
    except ImportError as error:
        raise OutputError("--png needs the package resvg-py", "pip install 'loadws[png]'") from error


def _svg(chart: Drawn) -> bytes:
    return chart.alone(_WIDTH).encode()


def _png(chart: Drawn) -> bytes:
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=chart.alone(_WIDTH), zoom=2))


def _csv(chart: Drawn) -> bytes:
    """Return the numbers of a chart. A text that a spreadsheet would run as a formula gets a quote before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_harmless(name) for name in chart.columns)
    for row in zip(*chart.columns.values(), strict=True):
        writer.writerow("" if value is None else _harmless(value) for value in row)
    return text.getvalue().encode("utf-8", "replace")


def _harmless(value: float | str) -> float | str:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_MAKERS: dict[str, Callable[[Drawn], bytes]] = {"svg": _svg, "png": _png, "csv": _csv}
