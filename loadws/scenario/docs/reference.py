"""The reference page's generated parts: between ``<!-- keys: Model -->`` and ``<!-- end -->`` stands what the models say.

``python -m loadws.scenario.docs.reference`` prints the page as it should be, and with a file's name that file (the README
has generated parts too); tests compare. Prose is written by hand, between the marks. Types are described in the words of the
file, read off the JSON Schema.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.docs.schema import scenario_schema
from loadws.scenario.matching.matchers import MATCHERS
from loadws.scenario.model.measured import TRIES
from loadws.scenario.model.steps import BARE_VERBS, STEPS
from loadws.scenario.model.when_used import WholeSchema
from loadws.scenario.protocol.protocol_file import ProtocolFile
from loadws.scenario.template.scope import FUNCTIONS
from loadws.terms.errors import ExitCode
from loadws.terms.failures import CLOSE_CODES, KINDS, meaning_of_code
from loadws.terms.metrics import TABLE
from loadws.terms.percentiles import PERCENTILES
from loadws.terms.units import (
    BYTE_RATE_PATTERN,
    DURATION_PATTERN,
    RATE_PATTERN,
    SHARE_PATTERN,
    SIZE_PATTERN,
    format_duration,
    format_size,
)

_UNITS = (
    (DURATION_PATTERN, "time"),
    (BYTE_RATE_PATTERN, "bytes per second"),
    (RATE_PATTERN, "rate"),
    (SHARE_PATTERN, "share"),
    (SIZE_PATTERN, "size"),
)
_PLAIN = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": ""}
#: Said once for all steps, and not again at each.
_OF_ALL_STEPS = ("name", "on_failure")
#: A mapping of more keys has a table of its own.
_FEW_KEYS = 4


def page() -> str:
    """Return the page as it is shipped."""
    return files("loadws").joinpath("docs", "language.md").read_text("utf-8")


def filled(text: str) -> str:
    """Return a page (the reference, or the README) with its generated parts made anew."""
    schema = scenario_schema()
    marks = re.compile(rf"<!-- ({'|'.join(_PARTS)})(?:: (\w+))? -->\n.*?<!-- end -->", re.DOTALL)
    schema["$defs"] |= _protocol_models()
    schema["$defs"]["Scenario"] = {key: schema[key] for key in ("properties", "required", "description")}

    def part(mark: re.Match[str]) -> str:
        kind, of = mark.groups()
        head = f"<!-- {kind}: {of} -->" if of else f"<!-- {kind} -->"
        return "\n".join((head, *_PARTS[kind](schema["$defs"], of), "<!-- end -->"))

    return marks.sub(part, text)


def _protocol_models() -> dict[str, Any]:
    """Return the models of protocol files, by name."""
    schema = ProtocolFile.model_json_schema(by_alias=True, schema_generator=WholeSchema, mode="validation")
    models: dict[str, Any] = schema.pop("$defs")
    return {**models, "ProtocolFile": schema}


# -- parts ------------------------------------------------------------------------------------------------------------


def _keys(models: dict[str, Any], model: str, leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a table of a mapping's keys. A verb's meaning does not repeat what stands above the table."""
    said = f"{models[model].get('description')} "
    required = models[model].get("required", ())
    properties = {
        key: value for key, value in models[model]["properties"].items() if key in required or key not in leave_out
    }
    if leave_out and properties.keys() <= set(leave_out):
        return
    yield "| key | what it is | unless said | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, value in properties.items():
        unless = "needed" if key in required else _default(value, models)
        meaning = value["description"].removeprefix(said)
        yield f"| `{key}` | {_cell(_words(value, models))} | {_cell(unless)} | {_cell(meaning)} |"


def _steps(models: dict[str, Any], _: str | None) -> Iterator[str]:
    """Yield every verb: what it does, an example that runs, and its keys."""
    for verb, step in STEPS.items():
        yield from (
            "",
            f"### {verb}",
            "",
            _prose(step.__doc__ or ""),
            "",
            "```yaml",
            EXAMPLES[verb].rstrip(),
            "```",
            "",
        )
        if verb in BARE_VERBS:
            yield from (f"`{verb}` may stand alone, as a word.", "")
        body = next(_refs(models[step.__name__]["properties"][verb]), None)
        if body is not None and body.endswith(("Body", "OnConnection")):
            yield from _keys(models, body, _OF_ALL_STEPS)
        else:
            yield from _keys(models, step.__name__, _OF_ALL_STEPS)
    yield ""


def _functions(models: dict[str, Any], _: str | None) -> Iterator[str]:
    for function in FUNCTIONS.values():
        yield f"- `{function.usage}`"


def _matchers(models: dict[str, Any], _: str | None) -> Iterator[str]:
    yield ", ".join(f"`{word}`" for word in MATCHERS)


def _metrics(models: dict[str, Any], _: str | None) -> Iterator[str]:
    yield "| metric | unit | labels | aggregates | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for metric in TABLE.values():
        labels = ", ".join((*metric.labels, "phase"))
        aggregates = ", ".join(("percentiles", *metric.aggregates[len(PERCENTILES) :]))
        if metric.kind != "histogram":
            aggregates = ", ".join(metric.aggregates)
        yield f"| `{metric.name}` | {metric.unit} | {labels} | {aggregates} | {_cell(metric.meaning)} |"


def _tries(models: dict[str, Any], _: str | None) -> Iterator[str]:
    yield (
        "Kinds of tries: "
        + ", ".join(f"`{kind}`" for kind in TRIES)
        + ", and `closed` and `lost` with what follows them."
    )


def _kinds(models: dict[str, Any], _: str | None) -> Iterator[str]:
    yield "| kind | meaning | what to do |"
    yield "| --- | --- | --- |"
    for kind, failure in KINDS.items():
        yield f"| `{kind}` | {_cell(failure.meaning)} | {_cell(failure.advice)} |"


def _codes(models: dict[str, Any], _: str | None) -> Iterator[str]:
    yield "| code | meaning |"
    yield "| --- | --- |"
    for code, meaning in CLOSE_CODES.items():
        yield f"| {code} | {_cell(meaning)} |"
    yield f"| 3000 to 3999 | {meaning_of_code('3000')} |"
    yield f"| 4000 to 4999 | {meaning_of_code('4000')} |"


def _exits(models: dict[str, Any], _: str | None) -> Iterator[str]:
    yield "| code | meaning |"
    yield "| --- | --- |"
    for code in sorted(ExitCode):
        yield f"| {code.value} | {_cell(code.meaning)} |"
    order = ", ".join(str(code.value) for code in ExitCode)
    yield from ("", f"Where several hold of a run, the first of {order} is its exit code.")


_PARTS: dict[str, Callable[[dict[str, Any], Any], Iterator[str]]] = {
    "keys": _keys, "steps": _steps, "functions": _functions, "matchers": _matchers, "metrics": _metrics, "exits": _exits,
    "tries": _tries, "kinds": _kinds, "codes": _codes,
}  # fmt: skip


# -- words ------------------------------------------------------------------------------------------------------------


def _words(node: dict[str, Any], models: dict[str, Any]) -> str:
    """Return what a value is, in words."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return "any value" if name == "JsonValue" else _mapping(models[name])
    if choices := node.get("oneOf") or node.get("anyOf") if "type" not in node else None:
        return " or ".join(dict.fromkeys(filter(None, (_words(choice, models) for choice in choices))))
    if "enum" in node or "const" in node:
        return " or ".join(dict.fromkeys(_literal(value) for value in node.get("enum", [node.get("const")])))
    match node.get("type"):
        case "array":
            return _list(node["items"], models)
        case "object":
            return _mapping(node)
        case str(kind):
            return _unit(node.get("pattern", "")) or _PLAIN[kind]
    return "any value"


def _list(items: dict[str, Any], models: dict[str, Any]) -> str:
    if _is_step(items):
        return "steps"
    return "list of steps" if items.get("type") == "array" else f"list of {_words(items, models)}"


def _is_step(node: dict[str, Any]) -> bool:
    return any("connect" in choice.get("enum", ()) for choice in node.get("anyOf", ()))


def _mapping(node: dict[str, Any]) -> str:
    if "propertyNames" in node:
        return "conditions"
    keys = node.get("properties", ())
    return "mapping: " + ", ".join(keys) if 0 < len(keys) <= _FEW_KEYS else "mapping"


def _unit(pattern: str) -> str:
    return next((word for known, word in _UNITS if pattern.startswith(known)), "")


def _default(node: dict[str, Any], models: dict[str, Any]) -> str:
    """Return the default in words. Durations and sizes are stored as numbers, and shown with their units."""
    value = node.get("default")
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, dict) and value.keys() == {"least", "most"}:
        return f"{format_duration(value['least'])}..{format_duration(value['most'])}"
    if isinstance(value, dict):
        return "as below"
    words = _words(node, models)
    if isinstance(value, int) and not isinstance(value, bool) and words in ("time", "size"):
        return (format_duration if words == "time" else format_size)(value)
    if words == "share":
        return f"{value * 100:g}%"
    return _literal(value)


def _literal(value: Any) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rpartition("/")[2]
        for inner in node.values():
            yield from _refs(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _refs(inner)


def _prose(docstring: str) -> str:
    return " ".join(docstring.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(filled(Path(sys.argv[1]).read_text("utf-8") if len(sys.argv) > 1 else page()), end="")
