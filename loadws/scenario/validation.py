"""Tree -> Scenario: pydantic's errors, at their places in the file and in the language's words.

pydantic gives the place as a ``loc`` with artefacts in it (the tags of unions, the long form of short notations); it is
compared with the tree. Wrong parts are cut out of the tree and the rest is validated again, so that a scenario with a few
errors still becomes one that the cross-checks can examine. A later round reports only what no earlier cut can have caused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from loadws.scenario.advice.foreign import foreign_file
from loadws.scenario.advice.keys import meant, no_step, unknown_key
from loadws.scenario.advice.models import keys_of, model_below
from loadws.scenario.advice.wrong_values import wrong_value
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import STEPS
from loadws.scenario.yaml.explain import Problems, Where, any_of
from loadws.scenario.yaml.tree import Node, as_written, find, plain_value, with_child, without

_SCENARIO: type[BaseModel] = Scenario
#: How often broken parts are cut out before the cross-checks are given up.
ROUNDS = 40


class Shaped(msgspec.Struct, frozen=True):
    """A scenario with the tree that it was made from, ``root``, and the parts that were cut out.

    None: it could not be made.
    """

    scenario: Scenario | None
    root: Node
    cut: tuple[Node, ...] = ()


class _Fault(msgspec.Struct, frozen=True):
    """One error of pydantic: its node, the node around it, the rest of the loc that is not in the tree, and the models.

    The last of these models is the one whose keys were checked.
    """

    node: Node
    parent: Node
    rest: Where
    owners: tuple[type[BaseModel], ...]
    error: ErrorDetails

    @property
    def owner(self) -> type[BaseModel]:
        return self.owners[-1]

    @property
    def kind(self) -> str:
        return self.error["type"]

    @property
    def where(self) -> Where:
        """The place that is wrong; for a missing key, the place where it should be."""
        return (*self.node.where, self.rest[-1]) if self.kind == "missing" and self.rest else self.node.where


def shape(root: Node, problems: Problems, undefined: set[Where]) -> Shaped:
    """Return the scenario, and add the faults of its shape to ``problems``. ``undefined`` are values known to be missing."""
    cut_nodes = [find(root, where)[0] for where in undefined]
    if foreign := foreign_file(root.value if isinstance(root.value, dict) else ()):
        problems.add(
            root.start, foreign, "`loadws init` writes a scenario to start from, `loadws docs` is the reference"
        )
        return Shaped(None, root, tuple(cut_nodes))
    root, gone = without(root, undefined), set(undefined)
    for _ in range(ROUNDS):
        try:
            return Shaped(Scenario.model_validate(plain_value(root)), root, tuple(cut_nodes))
        except ValidationError as error:
            faults = [_fault(root, details) for details in error.errors(include_url=False, include_input=False)]
        retried = _as_text(root, faults)
        if retried is not None:
            root = retried
            continue
        _tell(faults, problems, gone)
        at_root = any(not fault.node.where for fault in faults)
        told_inside = [fault for fault in faults if _is_too_short_for_now(fault, faults)]
        broken = {fault.node.where: fault.node for fault in faults if fault.node.where and fault not in told_inside}
        if not broken and not at_root:
            break
        root, gone = without(root, set(broken)), gone | set(broken)
        cut_nodes.extend(broken.values())
        root = _completed(root, faults) if at_root else root
    return Shaped(None, root, tuple(cut_nodes))


# -- where it is --------------------------------------------------------------------------------------------------------


def _fault(root: Node, error: ErrorDetails) -> _Fault:
    node, parent, owners = root, root, [_SCENARIO]
    rest: list[str | int] = []
    loc = error["loc"]
    for index, part in enumerate(loc):
        if _is_tag(loc, index):
            owners.append(STEPS[str(part)])
            continue
        child = node.child(part)
        if index < len(loc) - 1:
            owners += [model] if (model := model_below(owners[-1], part)) else []
        if child is None:
            rest.append(part)
        else:
            node, parent = child, node
    return _Fault(node, parent, tuple(rest), tuple(owners), error)


def _is_tag(loc: Where, index: int) -> bool:
    """Return whether a part of a loc is a verb after an index: the tag of the union of steps, no key of the file."""
    return index > 0 and isinstance(loc[index - 1], int) and loc[index] in STEPS


# -- mending ------------------------------------------------------------------------------------------------------------


def _as_text(root: Node, faults: list[_Fault]) -> Node | None:
    """Return the tree with refused numbers from the environment made text again; None if there are none."""
    wrong = {
        fault.node.where
        for fault in faults
        if fault.node.from_environment and isinstance(fault.node.value, int | float)
        and fault.kind in ("string_type", "model_type", "dict_type", "value_error", "model_attributes_type")
    }  # fmt: skip
    return _with_text(root, wrong) if wrong else None


def _with_text(node: Node, wrong: set[Where]) -> Node:
    if isinstance(node.value, dict):
        return replace(node, value={key: _with_text(child, wrong) for key, child in node.value.items()})
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(_with_text(child, wrong) for child in node.value))
    return replace(node, value=as_written(node.value)) if node.where in wrong else node


def _stand_in(value: Any) -> Node:
    return Node(value, 0, 0)


_STAND_INS = {
    "target": _stand_in("ws://127.0.0.1"),
    "load": _stand_in((_stand_in({"users": _stand_in(1), "for": _stand_in("1s")}),)),
    "flow": _stand_in((_stand_in({"think": _stand_in("1s")}),)),
}


def _completed(root: Node, faults: list[_Fault]) -> Node:
    """Return the scenario with harmless values for missing required keys, so that the rest can be checked."""
    lacking = [str(fault.rest[-1]) for fault in faults if fault.kind == "missing" and not fault.node.where]
    if not lacking and root.child("users"):
        return without(root, {("flow",), ("on",)})
    for key in lacking or ["flow"]:
        root = with_child(root, key, _STAND_INS[key])
    return root


# -- what it is ---------------------------------------------------------------------------------------------------------


def _tell(faults: list[_Fault], problems: Problems, gone: set[Where]) -> None:
    """Add one problem for each place, and none that an inner problem, now or earlier, may have caused."""
    by_place: dict[tuple[Where, bool], list[_Fault]] = {}
    misspelt = set(_misspelt(faults))
    for fault in faults:
        if fault.where not in misspelt and not _is_consequence(fault, faults, gone):
            by_place.setdefault((fault.node.where, fault.kind == "missing"), []).append(fault)
    for together in by_place.values():
        _tell_place(together, problems)


def _misspelt(faults: list[_Fault]) -> Iterable[Where]:
    """Yield the places of the keys that unknown keys were probably meant to be: they are not reported as missing too."""
    for fault in faults:
        if fault.kind == "extra_forbidden" and (key := meant(fault.owner, str(fault.where[-1]))):
            yield (*fault.where[:-1], key)


def _is_consequence(fault: _Fault, faults: list[_Fault], gone: set[Where]) -> bool:
    where = fault.where
    if any(where in (cut, cut[:-1]) for cut in gone):
        return True
    return _is_too_short_for_now(fault, faults)


def _is_too_short_for_now(fault: _Fault, faults: list[_Fault]) -> bool:
    """Return whether a list lacks items because pydantic leaves out those with faults, which are among ``faults``."""
    where = fault.where
    inner = (other.where for other in faults if len(other.where) > len(where))
    return fault.kind == "too_short" and any(place[: len(where)] == where for place in inner)


def _tell_place(faults: list[_Fault], problems: Problems) -> None:
    fault = faults[0]
    node = fault.node
    if fault.kind == "missing":
        missing = sorted({str(each.rest[-1]) for each in faults}, key=keys_of(fault.owner).index)
        words = any_of(missing).replace(" or ", " and ")
        problems.add(node.head, f"missing key{'s' if len(missing) > 1 else ''} {words}", where=node.where)
    elif fault.kind == "extra_forbidden":
        key = str(node.where[-1])
        advice = unknown_key(key, fault.parent, fault.owners)
        problems.add(node.head, f"unknown key {key!r}", advice, node.where[:-1])
    elif fault.kind in ("union_tag_not_found", "union_tag_invalid"):
        message, advice = no_step(node)
        problems.add(node.start, message, advice, node.where)
    else:
        offset = node.head if "[key]" in fault.rest or isinstance(node.value, dict | tuple) else node.start
        problems.add(offset, *wrong_value(node, [each.error for each in faults]), where=node.where)
