"""JavaScript functions of a script: they are named, and a Python file is written in which they wait to be written."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from loadws.importers.artillery.script import Script, text_of
from loadws.scenario.yaml.tree import Node

_HEAD = '''\
"""The functions of {processor}, to be written in Python. Each gets its virtual user, whose variables it may read and set."""

from loadws import User
'''
_STUB = '''

async def {name}(user: User) -> None:
    """Do what {original} does in JavaScript."""
    raise NotImplementedError("write {original} in Python: it reads and sets user.variables[...]")
'''


class Functions:
    """The functions that a script calls, by their Python names."""

    def __init__(self, script: Script) -> None:
        self._script = script
        config = script.root.child("config")
        processor = text_of(config.child("processor") if config is not None else None) or "functions.js"
        self._processor = PurePosixPath(processor).name
        stem = re.sub(r"\W", "_", PurePosixPath(processor).stem, flags=re.ASCII) or "functions"
        self._module = stem if not stem[0].isdigit() else f"_{stem}"
        self._names: dict[str, str] = {}

    def call(self, name: str, node: Node) -> dict[str, Any]:
        """Return the step that calls a function."""
        plain = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_0123456789") or "function"
        self._names[plain] = name
        text = f"the JavaScript function {name!r} has to be written in Python: {self._module}.py has its stub"
        self._script.loss(node, text)
        return {"call": f"{self._module}:{plain}"}

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Return name and text of the Python file with the stubs; empty where the script calls no function."""
        if not self._names:
            return ()
        stubs = "".join(_STUB.format(name=name, original=original) for name, original in sorted(self._names.items()))
        return ((f"{self._module}.py", _HEAD.format(processor=self._processor) + stubs),)
