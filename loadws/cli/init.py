"""``loadws init``: a commented scenario to start from, which runs as it is. Each template is a file in ``starters``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal, get_args

from loadws.terms.errors import OutputError, UsageError

Template = Literal["echo", "chat", "json-rpc", "login", "feed", "spike", "ci"]
TEMPLATES: tuple[Template, ...] = get_args(Template)


def init_command(file: Path, template: Template, force: bool) -> None:
    """Write a template to a file, and print how to run it.

    Raises:
        UsageError: The file is there already and ``force`` is not given.
        OutputError: The file cannot be written.
    """
    from importlib import resources  # of no use to a command line that only asks for help

    text = resources.files("loadws.cli").joinpath("starters", f"{template}.yaml").read_text("utf-8")
    if file.name.isprintable():  # a comment ends with its line
        text = text.replace(f" {template}.yaml", f" {shlex.quote(file.name)}")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise UsageError(f"{file} is there already", "choose another name, or write over it with --force") from None
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror}") from None
    print(f"{file} is written. Run it as it is with:  loadws run {file}")
