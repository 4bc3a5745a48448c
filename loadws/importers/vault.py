"""The secrets of a file that is imported, and the variables that stand in their place. Nothing here is ever printed."""

from __future__ import annotations

from collections.abc import Iterable

from loadws.importers.credentials import is_secret_name, looks_secret
from loadws.importers.leaves import Key, Scalar, key_of
from loadws.importers.names import Names, environment_name
from loadws.importers.notes import Variable
from loadws.importers.templates import Expression
from loadws.terms.masker import Masker

#: ``key`` in a message is often the name of something, or a key of the keyboard; from this length on it is a secret.
_SHORTEST_KEY = 8


def is_secret(name: str, value: Scalar) -> bool:
    """Return whether a value is a secret, by its name or its shape."""
    if value == "":
        return False
    if name.lower() == "key" and len(str(value)) < _SHORTEST_KEY:
        return False
    return is_secret_name(name) or (isinstance(value, str) and looks_secret(value))


class Vault:
    """Every secret value of a file, and the names of all variables.

    ``required`` are the variables that the user must set; ``secret`` are the names of all variables that hold a secret.
    """

    def __init__(self) -> None:
        self.names = Names()
        self.secret: list[str] = []
        self._required: dict[Key, Variable] = {}
        self._hidden: set[str] = set()

    @property
    def required(self) -> tuple[Variable, ...]:
        return tuple(self._required.values())

    def remember(self, values: Iterable[tuple[str, Scalar]]) -> None:
        """Remember the secrets among values, each with its name, so that they are printed nowhere."""
        self._hidden.update(str(value) for name, value in values if is_secret(name, value))

    def demand(self, name: str, value: Scalar) -> Expression:
        """Return the variable for a secret that the user must supply; one variable for equal values."""
        key = key_of(value)
        if key not in self._required:
            variable = self.names.new(name or "secret")
            self._required[key] = Variable(variable, environment_name(variable), is_text=isinstance(value, str))
            self.secret.append(variable)
            self._hidden.add(str(value))
        return Expression(self._required[key].name)

    def demand_unknown(self, name: str) -> Expression:
        """Return the variable for a secret that the recording does not have: it was removed when the file was written."""
        return self.demand(name, f"\0{name}")

    def capture(self, name: str, value: Scalar, is_hidden: bool) -> str:
        """Return the name of a variable that is taken from an answer."""
        variable = self.names.new(name or "value")
        if is_hidden:
            self.secret.append(variable)
            self._hidden.add(str(value))
        return variable

    def masker(self) -> Masker:
        return Masker(self._hidden)
