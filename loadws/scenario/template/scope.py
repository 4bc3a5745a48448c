"""The names that an expression may use: the variables of one user, the special names, and the functions.

A ``Scope`` belongs to one user. Random values and ids are computed from counts (see ``terms.chance``), and a scope's forks
share these counts, so that overlapping turns of one user never draw the same value or return the same id.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from loadws.scenario.template.conversions import CONVERSIONS
from loadws.scenario.template.values import EvaluationError, Undefined, in_range, kind
from loadws.terms import chance

#: Names that the engine gives a value where there is one: what was sent, the message at hand, which connection it is of,
#: how that ended.
SPECIAL_NAMES = frozenset({"sent", "message", "received_ms", "connection", "code", "reason", "error", "probe"})
#: The most that ``random_text`` and ``random_bytes`` make.
LONGEST_RANDOM = 2**20

#: ``id()`` is the user's index and the count of its ids side by side: 25 and 28 bits, so that doubles hold it exactly.
_ID_BITS, _USER_BITS = 28, 25
# 256 is no multiple of 62: the first eight characters come up a little more often, which no load test minds.
_CHARACTERS = (string.ascii_letters + string.digits).encode()
_TO_CHARACTER = bytes(_CHARACTERS[byte % len(_CHARACTERS)] for byte in range(256))


class _Counts:
    __slots__ = ("draws", "ids")

    def __init__(self) -> None:
        self.draws = 0
        self.ids = 0


class Scope:
    """The names that the expressions of one user see.

    ``clock`` returns milliseconds since 1970, ``extra`` has the values of the special names. ``stale_rows`` are the
    data sources of ``next: turn`` whose row is that of an earlier turn; None where there is no such source.
    """

    __slots__ = ("_counts", "clock", "env", "extra", "iteration", "seed", "stale_rows", "user", "variables")

    def __init__(
        self,
        variables: dict[str, Any] | None = None,
        *,
        user: int = 0,
        seed: int = 0,
        iteration: int = 0,
        clock: Callable[[], int],
        env: Mapping[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.variables: dict[str, Any] = {} if variables is None else variables
        self.user = user
        self.seed = seed
        self.iteration = iteration
        self.clock = clock
        self.env: Mapping[str, str] = {} if env is None else env
        self.extra: dict[str, Any] = {} if extra is None else extra
        self.stale_rows: set[str] | None = None
        self._counts = _Counts()

    @property
    def draws(self) -> int:
        """The number of random values that this user has drawn."""
        return self._counts.draws

    @property
    def ids(self) -> int:
        """The number of ids that this user has used."""
        return self._counts.ids

    def draw(self) -> int:
        """Return the user's next 64 random bits."""
        counts = self._counts
        count = counts.draws
        counts.draws = count + 1
        return chance.draw(self.seed, self.user, count)

    def next_id(self) -> int:
        """Return an integer below 2**53 that no other call in the run gets, the same in every run.

        Raises:
            EvaluationError: The user has used up its numbers.
        """
        counts = self._counts
        counts.ids += 1
        if counts.ids >> _ID_BITS or not 0 <= self.user < 1 << _USER_BITS:
            raise EvaluationError("id() has no unused numbers left for this user")
        return self.user << _ID_BITS | counts.ids

    def fork(self) -> Scope:
        """Return a scope for an overlapping turn: its own variables and special names, the same user and counts."""
        scope = Scope(
            self.variables.copy(),
            user=self.user,
            seed=self.seed,
            iteration=self.iteration,
            clock=self.clock,
            env=self.env,
            extra=self.extra.copy(),
        )
        scope._counts = self._counts
        scope.stale_rows = None if self.stale_rows is None else self.stale_rows.copy()
        return scope


# -- functions --------------------------------------------------------------------------------------------------------


class Function(msgspec.Struct, frozen=True):
    """A function of the template language: its notation, number of arguments, and the Python function behind it."""

    usage: str
    arity: int
    call: Callable[..., Any]
    is_pure: bool = False


def _whole(value: Any, what: str) -> int:
    if type(value) is not int:
        raise EvaluationError(f"{what} must be an integer, and is {kind(value)}")
    return value


def _length(value: Any, what: str) -> int:
    length = _whole(value, what)
    if not 0 <= length <= LONGEST_RANDOM:
        raise EvaluationError(f"{what} must lie between 0 and {LONGEST_RANDOM:,}, and is {length:,}")
    return length


def _uuid(scope: Scope) -> str:
    """Return a UUID of version 4, made of 122 bits of the user's random stream."""
    bits = scope.draw() << 64 | scope.draw()
    digits = f"{bits & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _now_ms(scope: Scope) -> int:
    return scope.clock()


def _random_int(scope: Scope, least: Any, most: Any) -> int:
    low, high = _whole(least, "random_int's least value"), _whole(most, "random_int's greatest value")
    if low > high:
        raise EvaluationError(f"random_int({low}, {high}) has nothing to choose from")
    in_range(low), in_range(high)
    return low + (scope.draw() * (high - low + 1) >> 64)


def _random_bytes(scope: Scope, length: Any) -> bytes:
    size = _length(length, "random_bytes' length")
    return hashlib.shake_128(scope.draw().to_bytes(8)).digest(size)


def _random_text(scope: Scope, length: Any) -> str:
    size = _length(length, "random_text's length")
    return hashlib.shake_128(scope.draw().to_bytes(8)).digest(size).translate(_TO_CHARACTER).decode("ascii")


def _choice(scope: Scope, items: Any) -> Any:
    if not isinstance(items, list) or not items:
        raise EvaluationError("choice takes a list with something in it")
    return items[scope.draw() * len(items) >> 64]


def _env(scope: Scope, name: Any) -> str:
    if not isinstance(name, str):
        raise EvaluationError("env takes the name of an environment variable, as text")
    value = scope.env.get(name)
    if value is None:
        raise Undefined(f"the environment variable {name!r} is not set")
    return value


def _of_values(convert: Callable[..., Any]) -> Callable[..., Any]:
    return lambda scope, *values: convert(*values)


FUNCTIONS: dict[str, Function] = {
    "id": Function("id()", 0, Scope.next_id),
    "uuid": Function("uuid()", 0, _uuid),
    "now_ms": Function("now_ms()", 0, _now_ms),
    "random_int": Function("random_int(least, most)", 2, _random_int),
    "random_text": Function("random_text(length)", 1, _random_text),
    "random_bytes": Function("random_bytes(length)", 1, _random_bytes),
    "choice": Function("choice(list)", 1, _choice),
    "env": Function("env(NAME)", 1, _env),
    **{
        name: Function(usage, arity, _of_values(convert), is_pure=True)
        for name, (usage, arity, convert) in CONVERSIONS.items()
    },
}
