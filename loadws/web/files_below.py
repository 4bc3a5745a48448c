"""Files below one folder, and nothing outside of it, whatever a path says and wherever links point."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from loadws.web.dialogue import FILE_POLICY, Answer

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".xml": "text/xml; charset=utf-8",
}
_TEXT = "text/plain; charset=utf-8"


def file_below(root: Path, path: str) -> Path | None:
    """Return the regular file that a path with slashes means below ``root``; None where there is none.

    Links may lead from one place below ``root`` to another, and nowhere else. Hidden files are not there.
    """
    parts = PurePosixPath(path).parts
    if not parts or any(part in ("/", "..") or part.startswith(".") or "\0" in part or "\\" in part for part in parts):
        return None
    try:
        real_root, real = root.resolve(strict=True), root.joinpath(*parts).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    return real if real.is_relative_to(real_root) and real.is_file() else None


def file_answer(file: Path) -> Answer:
    """Return the answer with a file, of the kind that its name says."""
    return Answer(file, _KINDS.get(file.suffix.lower(), _TEXT), policy=FILE_POLICY)
