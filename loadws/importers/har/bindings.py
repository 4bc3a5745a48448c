"""Treat each value that a user sends: as a constant, a variable taken from an answer, a secret, or a generated id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote_plus

from loadws.importers.credentials import UUID, credentials_of, named_in
from loadws.importers.har.id_places import IdIndex, is_id_place, is_uuid
from loadws.importers.har.recording import Exchange, Frame
from loadws.importers.har.traffic import Heard, Origins, Said, Thing, said_by
from loadws.importers.leaves import (
    Key,
    Path,
    Scalar,
    ends_like_id,
    is_id_name,
    is_kind_name,
    key_of,
    leaves,
    name_of,
)
from loadws.importers.templates import Expression, Mixed, Part, fixed, mixed, parts_of, rendered, replacing
from loadws.importers.vault import Vault, is_secret

#: Numbers below this are too common to be taken for a value that the server gave.
_LEAST_NUMBER = 1000
#: Texts of fewer characters are replaced only where they are a whole value.
_SHORTEST_WITHIN = 6
#: How far a number may be from the time of its message, in seconds, and be that time.
_NOW_S = 120
_ENDS_IN_DIGITS = re.compile(r"(.*?)\d+")


class Bindings:
    """The values of one user.

    ``captures`` has, for each thing, the variables that are taken from it and where; ``sets`` the variables that are set
    before a message, with their values; ``needed`` the exchanges whose answers feed the conversation.
    """

    def __init__(self, origins: Origins, vault: Vault) -> None:
        self.captures: dict[Thing, dict[str, Any]] = {}
        self.sets: dict[Thing, dict[str, Any]] = {}
        self.needed: list[Exchange] = []
        self._origins, self._vault = origins, vault
        self._expressions: dict[Key, str] = {}
        self._ids: dict[tuple[Frame, Path], Any] = {}

    # -- what comes from the server, and secrets

    def learn(self, thing: Thing) -> None:
        """Bind what a thing says that came from the server, or that is a secret."""
        for said in said_by(thing):
            if key_of(said.value) not in self._expressions:
                self._bind(said)

    def need(self, exchange: Exchange) -> None:
        """Take an exchange into the flow."""
        if exchange not in self.needed:
            self.needed.append(exchange)
            self.learn(exchange)

    def _bind(self, said: Said) -> None:
        heard = self._origins.heard_first(said.value)
        if heard is not None and _is_carried(heard, said):
            self._capture(heard, said)
        elif is_secret(said.name, said.value):
            self._expressions[key_of(said.value)] = self._vault.demand(said.name, said.value).source

    def _capture(self, heard: Heard, said: Said) -> None:
        is_hidden = is_secret(heard.name, heard.value) or is_secret(said.name, said.value)
        name = self._vault.capture(heard.name or said.name, heard.value, is_hidden)
        self._expressions[key_of(heard.value)] = name
        self.captures.setdefault(heard.thing, {})[name] = heard.place
        if isinstance(heard.thing, Exchange):
            self.need(heard.thing)

    # -- ids that the client makes up

    def generate(self, frames: Sequence[Frame], is_answered: set[tuple[Frame, Path]]) -> None:
        """Replace ids by generators: ids that are answered, that differ from message to message, or that are UUIDs."""
        index = IdIndex(frame for frame in frames if frame.is_sent)
        sent = [frame for frame in frames if frame.is_sent and frame.json is not None]
        varied = _varied_paths(sent)
        for frame in sent:
            for path, value in leaves(frame.json):
                is_new = key_of(value) not in self._expressions and self._origins.is_made_by(frame, value)
                is_id = is_uuid(value) or (
                    is_id_place(path, value)
                    and (path in varied or ((frame, path) in is_answered and _is_counted(value)))
                )
                if is_new and is_id and (frame, path) not in self._ids:
                    self._generate(frame, path, value, index)

    def _generate(self, frame: Frame, path: Path, value: Scalar, index: IdIndex) -> None:
        generator = _generator(value)
        places = [(place.frame, place.path) for place in index.of(value)]
        again = [place for place in places if place != (frame, path)]
        if not again and (isinstance(value, int) or self._origins.times_said.get(key_of(value), 0) < 2):
            self._ids[frame, path] = generator
            return
        name = self._vault.names.new(name_of(path) if is_id_name(name_of(path)) else "id")
        self.sets.setdefault(frame, {})[name] = rendered(generator)
        for place in ((frame, path), *again):
            self._ids[place] = Expression(name)
        if isinstance(value, str) and len(value) >= _SHORTEST_WITHIN:
            self._expressions[key_of(value)] = name

    # -- values as the scenario has them

    def captured(self, thing: Thing) -> dict[str, Any]:
        """Return what a step captures of a thing, as the scenario writes it."""
        return {name: fixed(place) for name, place in self.captures.get(thing, {}).items()}

    def filled(self, tree: Any, frame: Frame, path: Path = ()) -> Any:
        """Return a JSON value of a message with expressions in place of what differs from user to user."""
        if isinstance(tree, dict):
            return {key: self.filled(item, frame, (*path, key)) for key, item in tree.items()}
        if isinstance(tree, list):
            return [self.filled(item, frame, (*path, index)) for index, item in enumerate(tree)]
        if (frame, path) in self._ids:
            return self._ids[frame, path]
        if isinstance(tree, str):
            return self.text(tree)
        if isinstance(tree, int) and not isinstance(tree, bool):
            return self._number(tree, name_of(path), frame.at_s)
        return tree

    def _number(self, value: int, name: str, at_s: float) -> int | Expression:
        bound = self._expressions.get(key_of(value))
        if bound is not None and (ends_like_id(name) or is_secret(name, value)):
            return Expression(bound)
        if at_s > _LEAST_NUMBER and abs(value / 1000 - at_s) < _NOW_S:
            return Expression("now_ms()")
        if at_s > _LEAST_NUMBER and abs(value - at_s) < _NOW_S:
            return Expression("now_ms() // 1000")
        return value

    def text(self, text: str) -> Part | Mixed:
        """Return a text with variables in place of the values that are bound."""
        bound = self._expressions.get(key_of(text))
        if bound is not None:
            return Expression(bound)
        within = {
            str(value): name
            for (kind, value), name in self._expressions.items()
            if kind == "str" and len(str(value)) >= _SHORTEST_WITHIN and str(value) in text
        }
        for value, name in named_in(text).items():  # a secret, however short it is
            if is_secret(name, value) and (bound := self._expressions.get(key_of(value))) is not None:
                within[value] = bound
        return replacing(text, within)

    def credentials(self, name: str, value: str) -> Part | Mixed:
        """Return the value of a header that is secret: of ``Bearer xyz`` only the credentials are a variable."""
        said = credentials_of(value)
        bound = self._expressions.get(key_of(said))
        expression = Expression(bound) if bound is not None else self._vault.demand(name, said)
        return mixed((value.strip().removesuffix(said), expression))

    def address(self, address: str) -> Part | Mixed:
        """Return an address, or the path of one, with variables in place of bound values and of each secret in its query."""
        path, mark, query = address.partition("?")
        parts: list[Part] = list(parts_of(self.text(path)))
        for number, pair in enumerate(query.split("&") if mark else ()):
            name, equals, value = pair.partition("=")
            parts.append(("&" if number else "?") + name + equals)
            parts += parts_of(self._of_query(unquote_plus(name), value))
        return mixed(_joined(parts))

    def _of_query(self, name: str, written: str) -> Part | Mixed:
        value = unquote_plus(written)
        if not is_secret(name, value):
            return self.text(written)
        bound = self._expressions.get(key_of(value))
        if bound is None:
            return self._vault.demand(name, written)
        return Expression(bound if value == written else f"{bound} | urlencode")

    def variable(self, value: Scalar) -> str | None:
        """Return the variable that a text is bound to."""
        return self._expressions.get(key_of(value))


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield the parts, with the texts that follow each other as one."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        yield text
        yield part
        text = ""
    yield text


def _is_counted(value: Scalar) -> bool:
    """Return whether a value is a number, or a text that contains one."""
    return isinstance(value, int) or any(map(str.isdigit, value))


def _varied_paths(sent: list[Frame]) -> set[Path]:
    """Return the places where ids differ from message to message."""
    values: dict[Path, list[Scalar]] = {}
    for frame in sent:
        for path, value in leaves(frame.json):
            if is_id_place(path, value) and _is_counted(value):
                values.setdefault(path, []).append(value)
    return {path for path, found in values.items() if len(found) > 1 and len(set(found)) == len(found)}


def _generator(value: Scalar) -> Part | Mixed:
    if isinstance(value, int):
        return Expression("id()")
    if UUID.fullmatch(value):
        return Expression("uuid()")
    if value.isdecimal():
        return Expression("id() | string")
    if match := _ENDS_IN_DIGITS.fullmatch(value):
        return mixed((match[1], Expression("id()")))
    return Expression(f"random_text({len(value)})")


def _is_carried(heard: Heard, said: Said) -> bool:
    """Return whether a value that was heard and then said is one that the server gave, and no word that both know."""
    if is_kind_name(heard.name) or is_kind_name(said.name):
        return False
    if heard.path and heard.path == said.path and is_id_name(said.name):
        return True
    if isinstance(heard.value, int):
        return abs(heard.value) >= _LEAST_NUMBER and ends_like_id(heard.name) and ends_like_id(said.name)
    if len(heard.value) < 3:
        return False
    is_given = ends_like_id(heard.name) or is_secret(heard.name, heard.value) or is_uuid(heard.value)
    return is_given or (len(heard.value) >= 8 and any(map(str.isdigit, heard.value)))
