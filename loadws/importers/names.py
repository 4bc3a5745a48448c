"""Names of variables, made of the words under which their values were found."""

from __future__ import annotations

import re
from collections.abc import Iterable

from loadws.scenario.model.field_types import RESERVED

#: Environment variables that are mostly set to something else already.
_TAKEN = frozenset(
    "PATH HOME USER USERNAME SHELL LANG PWD OLDPWD TERM HOST HOSTNAME NAME EMAIL EDITOR TMP TEMP TMPDIR LOGNAME MAIL "
    "DISPLAY PYTHONPATH PORT ID UID SESSION KEY DEBUG CI DATA MESSAGE VALUE".split()
)
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST = 40


class Names:
    """The names that are in use; ``new`` makes one more."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def take(self, names: Iterable[str]) -> None:
        """Let no new variable have one of these names."""
        self._used.update(names)

    def new(self, words: str) -> str:
        """Return a name that no other variable has: ``accessToken`` gives ``access_token``, then ``access_token_2``."""
        plain = _BOUNDARY.sub("_", words)
        plain = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:_LONGEST].strip("_")
        if not plain or plain[0].isdigit():
            plain = f"value_{plain}".strip("_")
        name, count = plain, 1
        if plain in RESERVED:
            name = f"{plain}_1"
        while name in self._used:
            count += 1
            name = f"{plain}_{count}"
        self._used.add(name)
        return name


def environment_name(variable: str) -> str:
    """Return the environment variable that is to hold a variable's value."""
    name = variable.upper()
    return f"{name}_VALUE" if name in _TAKEN else name
