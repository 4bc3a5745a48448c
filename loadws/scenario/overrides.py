"""Changes of a scenario by the command line: its target, variables, load, times, seed and rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from loadws.scenario.checks.connecting.target import wrong_target
from loadws.scenario.model.model import Phase, RateRamp, Scenario, TooClose, UserRamp
from loadws.scenario.model.times import in_other_time
from loadws.scenario.template.expression import TemplateError
from loadws.scenario.template.template import compile_template
from loadws.scenario.yaml.environment import default_of, is_reference
from loadws.scenario.yaml.explain import Where, any_of
from loadws.scenario.yaml.scalars import Scalar, resolve, unquoted
from loadws.scenario.yaml.tree import Node, find, with_child, without
from loadws.terms.errors import UsageError, did_you_mean
from loadws.terms.secrets import is_secret_header
from loadws.terms.transports import DEFAULT_TRANSPORT, NAMES


@dataclass(frozen=True)
class Overrides:
    """None is what the command line does not say. ``rate`` is in arrivals per second.

    ``scale`` multiplies users and rates, ``time_scale`` times. ``rules`` are thresholds beside those of the
    file, ``comparisons`` rules in the place of those of its ``compare``.

    ``settle_ns`` is how long a load that begins with a judged phase warms up before it, in nanoseconds.

    ``untrusted``: the scenario may run no code and read nothing outside of its folder (``checks.untrusted``). ``secrets``
    are values to mask beside the scenario's own.

    ``said_as`` is how the user wrote an option, where another one stands for it: ``--users`` may be ``--b users``.
    ``beside_variables`` are the words that the option takes as well which stands for ``--set``.
    """

    target: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    users: int | None = None
    rate: float | None = None
    duration_ns: int | None = None
    scale: float | None = None
    seed: int | None = None
    too_close: TooClose | None = None
    time_scale: float | None = None
    rules: tuple[str, ...] = ()
    comparisons: tuple[str, ...] = ()
    transport: str = DEFAULT_TRANSPORT
    settle_ns: int | None = None
    untrusted: bool = False
    secrets: tuple[str, ...] = ()
    said_as: Mapping[str, str] = field(default_factory=dict)
    beside_variables: tuple[str, ...] = ()

    def option(self, name: str) -> str:
        """Return an option as the user wrote it."""
        return self.said_as.get(name, name)


# -- before the file is judged ----------------------------------------------------------------------------------------


def replaced_places(root: Node, overrides: Overrides) -> dict[Where, Scalar]:
    """Return the values that replace those of the file, by their places.

    Raises:
        UsageError: An override is not valid, or names a variable that the scenario does not have.
    """
    if overrides.transport not in NAMES:
        raise UsageError(f"there is no transport {overrides.transport!r}", f"say {any_of(NAMES)}")
    places: dict[Where, Scalar] = {}
    if overrides.target is not None:
        if wrong := wrong_target(overrides.target):
            raise UsageError(f"{overrides.option('--target')}: {wrong[0]}", wrong[1])
        places["target",] = overrides.target
    known = _variables(root)
    for name, text in overrides.variables.items():
        if name not in known:
            raise UsageError(*_no_variable(name, known, overrides))
        places["variables", name] = _setting(known[name], overrides.option(f"--set {name}"), text)
    return places


def _no_variable(name: str, known: Iterable[str], overrides: Overrides) -> tuple[str, str]:
    """Return the message and the advice for a variable that the scenario does not have."""
    option = overrides.option(f"--set {name}")
    others = overrides.beside_variables if f"--set {name}" in overrides.said_as else ()
    changes = " ".join(["changes", *([f"{', '.join(others)}, or"] if others else []), "what stands under variables"])
    advice = did_you_mean(name, [*known, *others]) or f"{option.partition(' ')[0]} {changes}"
    return f"{option}: the scenario has no variable {name!r}", advice


def secret_settings(root: Node, overrides: Overrides) -> Iterator[str]:
    """Return the values of ``--set`` that are secret: ``secrets`` lists the variable, or its name says so (``api_key``)."""
    node, rest = find(root, ("secrets",))
    listed = {str(child.value).partition(".")[0] for child in node.children()} if not rest else set()
    for name, value in overrides.variables.items():
        if name in listed or is_secret_header(name):
            yield value
            yield from filter(None, [unquoted(value)])


def _variables(root: Node) -> dict[str, Node]:
    node, rest = find(root, ("variables",))
    return node.value if not rest and isinstance(node.value, dict) else {}


def _setting(declared: Node, option: str, text: str) -> Scalar:
    """Return the value that a text of the command line gives a variable.

    Where the file has text, the value is that text exactly; else it is what YAML reads, and text where it is in quotes.

    Raises:
        UsageError: It is a number that no message can carry.
    """
    if _is_text(declared):
        return text
    inside = unquoted(text)
    if inside is not None:
        return inside
    try:
        return resolve(text)
    except ValueError as error:
        words, _, name = option.rpartition(" ")
        message = str(error).partition(";")[0]
        raise UsageError(f"{option}: {message}", f"if it is text, quote it: {words} '{name}=\"…\"'") from None


def _is_text(declared: Node) -> bool:
    """Return whether a variable is text in the file, and no expression or reference that may give another value."""
    value = declared.value
    if not isinstance(value, str):
        return False
    if declared.plain and is_reference(value):
        return isinstance(default_of(value), str)
    try:
        return not compile_template(value).is_whole
    except TemplateError:
        return True


def put(root: Node, where: Where, value: Scalar) -> Node:
    """Return the tree with another value at a place of one or two keys."""
    key, inner = str(where[0]), where[1:]
    old = root.child(key)
    if inner:
        assert old is not None
        return with_child(root, key, put(old, inner, value))
    place = old or Node(None, root.start, root.start, (*root.where, key))
    return with_child(root, key, replace(place, value=value))


def cut_places(root: Node, places: Mapping[Where, Scalar]) -> Node:
    """Return the tree without the values that will be replaced: variables that they refer to need not exist."""
    return without(root, {place for place in places if place in _places(root)})


def _places(root: Node) -> set[Where]:
    return {("target",), *(("variables", name) for name in _variables(root))}


# -- after ------------------------------------------------------------------------------------------------------------


def override_load(scenario: Scenario, overrides: Overrides) -> Scenario:
    """Return the scenario with another load and seed. Raises ``UsageError``.

    ``time_scale`` changes what the file says; a ``duration`` is what it is.
    """
    if overrides.time_scale is not None:
        scenario = in_other_time(scenario, _factor(overrides.option("--time-scale"), overrides.time_scale))
    phases = scenario.load
    if overrides.users is not None or overrides.rate is not None or overrides.duration_ns is not None:
        phases = _with_judged_phase(phases, overrides)
    if overrides.scale is not None:
        phases = tuple(_scaled(phase, _factor(overrides.option("--scale"), overrides.scale)) for phase in phases)
    if overrides.settle_ns is not None and not phases[0].warmup:
        phases = (_settling(phases[0], overrides.settle_ns), *phases)
    seed = scenario.seed if overrides.seed is None else overrides.seed
    too_close = overrides.too_close or scenario.too_close
    return scenario.model_copy(update={"load": phases, "seed": seed, "too_close": too_close})


def _factor(option: str, factor: float) -> float:
    if not (factor > 0 and math.isfinite(factor)):
        raise UsageError(f"{option}: must be more than 0")
    return factor


def _with_judged_phase(phases: tuple[Phase, ...], overrides: Overrides) -> tuple[Phase, ...]:
    judged = [phase for phase in phases if not phase.warmup]
    if len(judged) != 1:
        said = {"--users": overrides.users, "--rate": overrides.rate, "--duration": overrides.duration_ns}
        names = [name for name, value in said.items() if value is not None]
        options = " and ".join(map(overrides.option, names))
        what = f"{options} change{'s' if len(names) == 1 else ''} a scenario with one judged phase"
        raise UsageError(f"{what}, and this has {len(judged)}", _for_every_phase(names))
    changed = _changed(judged[0], overrides)
    return tuple(changed if phase is judged[0] else phase for phase in phases)


def _for_every_phase(names: list[str]) -> str:
    """Return what changes every phase in the place of these options."""
    times = ["--time-scale FACTOR multiplies the times of every phase: 0.1 is a tenth"] if "--duration" in names else []
    load = ["--scale FACTOR multiplies the users and rates of every phase"] if names != ["--duration"] else []
    return "; ".join([*times, *load])


def _changed(phase: Phase, overrides: Overrides) -> Phase:
    changes: dict[str, object] = {}
    if overrides.users is not None:
        changes["users"] = UserRamp.model_validate({"from": overrides.users, "to": overrides.users})
    if overrides.rate is not None:
        changes["arrivals"] = _rate_ramp(overrides.rate, overrides.rate)
    if overrides.duration_ns is not None:
        if overrides.duration_ns <= 0:
            raise UsageError(f"{overrides.option('--duration')}: must be more than 0 s")
        changes["for_"] = overrides.duration_ns
    changed = phase.model_copy(update=changes)
    if changed.arrivals is not None and changed.for_ is None:
        raise UsageError(f"{overrides.option('--rate')}: this phase has no time for arrivals", "say --duration too")
    return changed


def _settling(first: Phase, settle_ns: int) -> Phase:
    """Return a warm-up of ``settle_ns``, with the load that ``first``, the first judged phase, begins with."""
    users, arrivals = first.users, first.arrivals
    if users is not None:
        held = users.to if users.from_ is None else users.from_
        users = users.model_copy(update={"from_": held, "to": held})
    if arrivals is not None:
        rate = arrivals.to if arrivals.from_ is None else arrivals.from_
        arrivals = _rate_ramp(rate, rate)
    return first.model_copy(
        update={
            "name": "settling",
            "warmup": True,
            "for_": settle_ns,
            "iterations": None,
            "users": users,
            "arrivals": arrivals,
        }
    )


def _rate_ramp(start: float | None, end: float) -> RateRamp:
    return RateRamp.model_construct(from_=start, to=end)


def _scaled(phase: Phase, factor: float) -> Phase:
    users, arrivals = phase.users, phase.arrivals
    changes: dict[str, object] = {}
    if users is not None:
        changes["users"] = users.model_copy(
            update={"from_": _scaled_count(users.from_, factor), "to": _scaled_count(users.to, factor)}
        )
    if arrivals is not None:
        start = None if arrivals.from_ is None else arrivals.from_ * factor
        changes["arrivals"] = _rate_ramp(start, arrivals.to * factor)
    return phase.model_copy(update=changes)


def _scaled_count(users: int | None, factor: float) -> int | None:
    """Return the count times the factor, rounded up, so that a phase with users keeps one.

    The small step down compensates for factors that are no binary fraction.
    """
    return None if users is None else math.ceil(users * factor - 1e-9)
