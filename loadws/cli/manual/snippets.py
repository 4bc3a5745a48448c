"""The files of ``loadws docs ci NAME``, kept in ``loadws/docs/ci``: a job for each CI service, and the GitHub action.

A file is known by its name without the ending. A new file is a new name: nothing has to be registered.
"""

from __future__ import annotations

from importlib.resources import files

from loadws.terms.errors import UsageError, did_you_mean

#: The page of which the files are a part.
PAGE = "ci"


def snippets() -> dict[str, str]:
    """Return the text of each file by its name, in the order of names."""
    folder = files("loadws").joinpath("docs", PAGE)
    found = {file.name.partition(".")[0]: file for file in folder.iterdir() if file.is_file()}
    return {name: found[name].read_text("utf-8") for name in sorted(found)}


def snippet(name: str) -> str:
    """Return one file.

    Raises:
        UsageError: There is none of that name.
    """
    found = snippets()
    if name.lower() not in found:
        every = f"there are {', '.join(found)}"
        raise UsageError(f"there is no file {name!r} for a CI service", did_you_mean(name.lower(), found) or every)
    return found[name.lower()]
