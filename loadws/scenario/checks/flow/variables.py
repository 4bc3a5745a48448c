"""Check templates and conditions: that they can be read, and that the names in them have values when they are reached.

A flow is followed in its order. A variable that any branch sets counts as set after it; one that a loop sets counts from the
place where it is set. A handler may run at any time, so it may use every variable that its user sets anywhere, and a flow
every variable that its handlers set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.flow.every_fault import faults_of
from loadws.scenario.checks.secrets import check_secrets
from loadws.scenario.matching.capture import compile_captures
from loadws.scenario.matching.extract import MatchError, Path
from loadws.scenario.matching.matchers import compile_expectations
from loadws.scenario.matching.matching import Conditions, compile_answer_conditions, compile_conditions
from loadws.scenario.model.connection import TLS_TEMPLATES
from loadws.scenario.model.model import UserType
from loadws.scenario.model.step_names import flows_around, flows_of, walk_steps, walk_user_types
from loadws.scenario.model.steps import AnyStep, Flow, Payload, walk
from loadws.scenario.model.steps.parts import (
    Assigned,
    CaptureSet,
    Carried,
    ConditionSet,
    Expression,
    HeaderSet,
    Part,
    Provided,
    Subject,
    TemplateText,
)
from loadws.scenario.model.unpacking import UNPACK, without_ways
from loadws.scenario.named_files import template_of
from loadws.scenario.template.expression import TemplateError
from loadws.scenario.template.scope import SPECIAL_NAMES
from loadws.scenario.template.template import Compiled, compile_template
from loadws.scenario.yaml.explain import Where
from loadws.scenario.yaml.tree import Node, find, walk_nodes
from loadws.terms.errors import did_you_mean

#: Why a special name has no value where it was used.
_ONLY = {
    "sent": "only the reply of a step, and the steps after a request, have it; elsewhere set the value first, as "
    'set: {n: "{{ id() }}"}, and write {{ n }} in both places',
    "message": "there is a message only after a request or wait_for, and in the steps of message handlers",
    "received_ms": "it is when a message was read: after a request or wait_for, and in the steps of message handlers",
    "connection": "only handlers know which connection their event is of",
    "code": "only the close handler knows a close code",
    "reason": "only the close handler knows a close reason",
    "error": "only the error handler knows an error",
    "probe": "only the message of a publish has a probe",
}
#: Why a data source has no row where it was used.
_ROWS = "rows belong to users: setup and teardown have none, a handler's where only those of next: user or session"
_NOTHING: frozenset[str] = frozenset()
_IN_HANDLER = {
    "open": frozenset({"connection"}),
    "message": frozenset({"message", "received_ms", "connection"}),
    "error": frozenset({"error", "connection"}),
    "close": frozenset({"code", "reason", "connection"}),
}

#: Columns of the data sources that could be read, by name.
Columns = Mapping[str, tuple[str, ...]]


def check_variables(findings: Findings, columns: Columns) -> None:
    """Check everything that holds a template, a condition or a capture."""
    scenario = findings.scenario
    _check_declared(findings, columns)
    around = _check_around(findings, columns)
    always = frozenset(scenario.variables) | frozenset(scenario.data) | around | findings.cut_words
    always |= _captured_in_opening(findings, columns)
    at_connect: frozenset[str] = frozenset()
    everything = set(always)
    for place, user_type in walk_user_types(scenario):
        texts = _Texts(findings, columns, dict(_setters(place, user_type)))
        at_connect |= _check_user_type(texts, place, user_type, always)
        everything |= texts.setters.keys()
    shared = _Texts(findings, columns, dict.fromkeys(everything, ("connection",)))
    for key in ("headers", "query", "origin", "cookies", "proxy"):
        shared.read(("connection", key), at_connect)
    for key in scenario.connection.protocol.options if scenario.connection.protocol is not None else ():
        shared.read(("connection", "protocol", key), at_connect)
    for key in TLS_TEMPLATES:
        shared.read(("connection", "tls", key), at_connect)
    _check_measures(findings, columns, frozenset(everything))
    check_secrets(findings, everything, columns)


def _captured_in_opening(findings: Findings, columns: Columns) -> frozenset[str]:
    """Check what is captured when a protocol opens. Returns its names, which have a value once a connection is open."""
    protocol = findings.scenario.connection.protocol
    captures = None if protocol is None else protocol.capture
    return _Texts(findings, columns).captures(("connection", "protocol", "capture"), captures)


def _check_measures(findings: Findings, columns: Columns, known: frozenset[str]) -> None:
    """Check the conditions of ``measure``: those of a beginning are read at any time, those of an end when it begins."""
    sending = {step.label for _, step in walk_steps(findings.scenario) if step.gives_sent}
    texts = _Texts(findings, columns, dict.fromkeys(known, ("measure",)))
    for index, measure in enumerate(findings.scenario.measure):
        where = ("measure", index)
        texts.conditions((*where, "from", "where"), measure.from_.where, known)
        begun = {"message"} if measure.from_.step is None else {"sent"} if measure.from_.step in sending else set()
        texts.conditions((*where, "to", "where"), measure.to.where, known | begun)


def _check_declared(findings: Findings, columns: Columns) -> None:
    """Check the values of variables, which may use rows of data and the variables above them."""
    scenario = findings.scenario
    for name in scenario.data.keys() & scenario.variables.keys():
        findings.error(("data", name), f"{name!r} is a variable already", "choose another name", at_key=True)
    known = frozenset(scenario.data) | findings.cut_words
    texts = _Texts(findings, columns, {name: ("variables", name) for name in scenario.variables})
    for name in scenario.variables:
        texts.read(("variables", name), known)
        known |= {name}


def _check_around(findings: Findings, columns: Columns) -> frozenset[str]:
    """Check ``setup`` and ``teardown``, which have no rows of data because they have no user.

    Returns the variables that ``setup`` sets: ``teardown`` and all users have them.
    """
    known = frozenset(findings.scenario.variables) | findings.cut_words
    set_by_setup: frozenset[str] = frozenset()
    for where, flow in flows_around(findings.scenario):
        setters = {name: place for place, name in _set_in(flow, where)}
        _Walk(_Texts(findings, columns, setters), set(known | set_by_setup)).flow(flow, where)
        set_by_setup = set_by_setup or frozenset(setters)
    return set_by_setup


def _check_user_type(texts: _Texts, place: Where, user_type: UserType, always: frozenset[str]) -> frozenset[str]:
    """Check a user type. Returns the names that have a value at some connect of it."""
    in_handlers = {name for name, where in texts.setters.items() if where[len(place)] == "on"}
    flow = _Walk(texts, set(always | in_handlers))
    flow.flow(user_type.flow, (*place, "flow"))
    anything = always | texts.setters.keys()
    by_step = {name for name, source in texts.findings.scenario.data.items() if source.next in ("turn", "use")}
    for where, steps in flows_of(user_type):
        if where[0] == "on":
            _Walk(texts, set(anything), _IN_HANDLER[str(where[1])]).flow(steps, (*place, *where))
    for index, handler in enumerate(user_type.on.message):
        where = (*place, "on", "message", index)
        texts.conditions((*where, "where"), handler.where, anything - by_step)
        texts.captures((*where, "capture"), handler.capture)
        texts.read((*where, "deliver", "in"), anything - by_step)
    return flow.at_connect if user_type.is_whole_session else always


def _setters(place: Where, user_type: UserType) -> Iterator[tuple[str, Where]]:
    """Yield every variable that the user type sets, with its place; the first place comes last, so that a dict keeps it."""
    found: list[tuple[str, Where]] = []
    for where, flow in flows_of(user_type):
        found += [(name, set_at) for set_at, name in _set_in(flow, (*place, *where))]
    for index, handler in enumerate(user_type.on.message):
        found += [(name, (*place, "on", "message", index, "capture", name)) for name in handler.capture or ()]
    yield from reversed(found)


def _set_in(flow: Flow, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield each place of a flow that sets a variable, and the variable."""
    for inner, step in walk(flow, where):
        yield from (((*inner, *place), name) for place, name in step.sets())


# -- flows ------------------------------------------------------------------------------------------------------------


@dataclass
class _Walk:
    """A walk through a flow. ``known`` are the names that have a value so far."""

    texts: _Texts
    known: set[str]
    specials: frozenset[str] = _NOTHING
    at_connect: frozenset[str] = frozenset()

    def flow(self, flow: Flow, where: Where) -> None:
        for index, step in enumerate(flow):
            self._step(step, (*where, index))

    def _step(self, step: AnyStep, where: Where) -> None:
        if step.effect() in ("opens", "refused"):
            self.at_connect |= self.known
        for part in step.parts():
            self._part(part, where)
        before, after = self.known, set(self.known)
        for path, steps in step.children():
            self.known = set(before)
            self.flow(steps, (*where, *path))
            after |= self.known
        self.known = after

    def _part(self, part: Part, where: Where) -> None:
        """Check one part of the step at ``where``, and learn what it sets."""
        match part:
            case TemplateText():
                self._read((*where, *part.place), part.specials)
            case Expression():
                self._read((*where, *part.place))
            case Carried():
                self._payload(part.payload, (*where, *part.place), part.specials)
            case ConditionSet():
                known, compile_them = self._names(part.specials), _COMPILERS[part.about]
                self.texts.conditions((*where, *part.place), part.conditions, known, compile_them)
            case HeaderSet():
                self.texts.expectations((*where, *part.place), part.headers, self._names(_NOTHING))
            case CaptureSet():
                is_message = part.about == "message"
                place = (*where, *part.place)
                self.known |= self.texts.captures(place, part.captures, of_handshake=not is_message)
            case Assigned():
                self.known |= set(part.names)
            case Provided():
                self.specials |= part.specials

    def _payload(self, payload: Payload, where: Where, specials: frozenset[str]) -> None:
        written = [key for key in ("text", "json", "msgpack") if payload.model_fields_set & {key, f"{key}_"}]
        if written:
            self._read((*where, *written), specials)
        elif payload.protobuf is not None:
            self._read((*where, "protobuf", "value"), specials)
        elif payload.binary is not None and payload.binary.is_template:
            self._read((*where, "binary"), specials)
        elif payload.file is not None and payload.template:
            content = template_of(payload, self.texts.findings.base)
            self.texts.read_file((*where, "file"), payload.file, content or "", self._names(specials))

    def _names(self, specials: frozenset[str]) -> frozenset[str]:
        return frozenset(self.known) | self.specials | specials

    def _read(self, where: Where, specials: frozenset[str] = _NOTHING) -> None:
        self.texts.read(where, self._names(specials))


#: How conditions are compiled, by what they are about.
_COMPILERS: Mapping[Subject, Callable[[Mapping[str, JsonValue]], Conditions]] = {
    "message": compile_conditions,
    "handshake": compile_conditions,
    "http": compile_answer_conditions,
}


def _compile_headers(headers: Mapping[str, JsonValue]) -> None:
    for name, value in headers.items():
        compile_expectations(value, (name,))


# -- texts ------------------------------------------------------------------------------------------------------------


@dataclass
class _Texts:
    """The texts at places of the file. ``setters`` has the first place that sets each name, for names used too early."""

    findings: Findings
    columns: Columns
    setters: Mapping[str, Where] = field(default_factory=dict)

    def read(self, where: Where, known: frozenset[str]) -> None:
        """Check every text and key at the place and inside it."""
        node = self._node(where)
        for inner in walk_nodes(node) if node else ():
            if isinstance(inner.value, str):
                self._template(inner, inner.value, known)
            elif isinstance(inner.value, dict):
                for key, child in inner.value.items():
                    self._key(child, key, known)

    def read_file(self, where: Where, name: str, content: str, known: frozenset[str]) -> None:
        """Check the templates in a file's content; a problem stands where the file is named, with the line in it."""
        try:
            found = list(self._missing(compile_template(content), content, known))
        except TemplateError as error:
            found = [(error.offset or 0, str(error), error.advice)]
        for at, message, advice in found:
            self.findings.error(where, f"{name}:{content.count(chr(10), 0, at) + 1}: {message}", advice)

    def conditions(
        self,
        where: Where,
        conditions: Mapping[str, JsonValue] | None,
        known: frozenset[str],
        compile_them: Callable[[Mapping[str, JsonValue]], Conditions] = compile_conditions,
    ) -> None:
        if conditions is None:
            return
        rest = without_ways(conditions) if where[-1] == "where" else conditions
        wrong = self._faults(where, rest, compile_them) if rest or UNPACK not in conditions else []
        for key in rest:
            self._values(where, key, known, wrong)

    def expectations(self, where: Where, headers: Mapping[str, JsonValue], known: frozenset[str]) -> None:
        wrong = self._faults(where, headers, _compile_headers)
        for name in headers:
            self._values(where, name, known, wrong)

    def captures(
        self, where: Where, captures: Mapping[str, JsonValue] | None, *, of_handshake: bool = False
    ) -> frozenset[str]:
        """Check captures, and return the names that they set."""
        if captures is None:
            return frozenset()
        for name in captures.keys() & self.findings.scenario.data.keys():
            self.findings.error(
                (*where, name), f"{name!r} is a data source already", "choose another name", at_key=True
            )
        wrong = {part for path in self._faults(where, captures, compile_captures) for part in path[:1]}
        compiled = compile_captures({name: value for name, value in captures.items() if name not in wrong})
        for name in () if of_handshake else compiled.handshake_only:
            message = "a message has no headers and no status: only connect and http can capture them"
            self.findings.error((*where, name), message)
        return frozenset(captures)

    def _faults(
        self, where: Where, mapping: Mapping[str, JsonValue], compile_it: Callable[[Mapping[str, JsonValue]], object]
    ) -> list[Path]:
        """Tell every fault of conditions or captures. Returns the paths to the wrong parts."""
        faults = list(faults_of(mapping, compile_it))
        for error in faults:
            self._tell(where, error)
        return [error.path for error in faults]

    def _node(self, where: Where) -> Node | None:
        """Return the node at a place; None where the file has none. A text there may be a short form of the place."""
        node, rest = find(self.findings.root, where)
        return node if not rest or isinstance(node.value, str) else None

    def _values(self, where: Where, key: str, known: frozenset[str], wrong: Sequence[Path]) -> None:
        """Check the templates of a condition's values, but for those in the parts that are ``wrong`` already."""
        node = self._node((*where, key))
        for inner in walk_nodes(node) if node else ():
            path = (key, *inner.where[len(node.where) if node else 0 :])
            if isinstance(inner.value, str) and not any(path[: len(each)] == each for each in wrong):
                self._template(inner, inner.value, known)

    def _tell(self, where: Where, error: MatchError) -> None:
        place = (*where, *error.path)
        node, rest = find(self.findings.root, place)
        if error.in_key and not rest:
            self.findings.error_in_key(place, error.offset or 0, str(error), error.advice)
        elif error.offset is not None and isinstance(node.value, str):
            self.findings.error_in(place, node.value, error.offset, str(error), error.advice)
        else:
            self.findings.error(place, str(error), error.advice)

    def _template(self, node: Node, text: str, known: frozenset[str]) -> None:
        source = self.findings.problems.source
        try:
            compiled = compile_template(text)
        except TemplateError as error:
            offset = source.offset_in(node, text, error.offset)
            self.findings.problems.add(offset, str(error), error.advice, node.where)
            return
        for at, message, advice in self._missing(compiled, text, known):
            self.findings.problems.add(source.offset_in(node, text, at), message, advice, node.where)

    def _key(self, node: Node, key: str, known: frozenset[str]) -> None:
        if "{{" not in key:
            return
        try:
            compiled = compile_template(key)
        except TemplateError as error:
            self.findings.problems.add(node.head, str(error), error.advice, node.where)
            return
        for _, message, advice in self._missing(compiled, key, known):
            self.findings.problems.add(node.head, message, advice, node.where)

    def _missing(self, compiled: Compiled, text: str, known: frozenset[str]) -> Iterator[tuple[int, str, str]]:
        """Yield offset, message and advice for each name without a value and each column that does not exist."""
        for name in sorted(compiled.names - known):
            yield _place_of(name, text), *self._unknown(name, known)
        for name, column in sorted(compiled.attributes):
            columns = self.columns.get(name)
            if columns is not None and column not in columns and name in self.findings.scenario.data:
                advice = did_you_mean(column, columns) or _columns_are(columns)
                yield _place_of(name, text), f"the data {name!r} has no column {column!r}", advice

    def _unknown(self, name: str, known: frozenset[str]) -> tuple[str, str]:
        if name in SPECIAL_NAMES:
            return f"there is no {name!r} here", _ONLY[name]
        if name in self.findings.scenario.data and name in self.columns:
            return f"the data {name!r} has no row here", _ROWS
        if name in self.setters:
            line = self.findings.line_of(self.setters[name])
            return f"the variable {name!r} is used before it is set", f"it is set in line {line}"
        advice = did_you_mean(name, (known | self.setters.keys()) - SPECIAL_NAMES)
        return f"unknown variable {name!r}", advice or "declare it under variables, or capture it before"


def _columns_are(columns: tuple[str, ...]) -> str:
    """Return advice for a column that is not there; the likely cause is a file whose first line is no header."""
    advice = f"columns are {', '.join(columns)}"
    is_data = any(name.isdigit() or "@" in name for name in columns)
    return (
        f"{advice}; if these are values, the file has no header: name its columns, columns: [...]"
        if is_data
        else advice
    )


def _place_of(name: str, text: str) -> int:
    """Return the offset of the first use of a name in a template's text, as far as the text shows it; else 0."""
    match = re.compile(rf"(?<![\w.]){re.escape(name)}\b").search(text, max(text.find("{{"), 0))
    return match.start() if match else 0
