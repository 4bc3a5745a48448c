"""Check the expressions of steps: a condition or a number has to be one ``{{ }}`` and nothing beside it.

A text is true whatever it says, so ``{{ state }} == 'ok'`` would be a check that always passes.
"""

from __future__ import annotations

import re
from typing import Any

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.steps import AnyStep
from loadws.scenario.model.steps.parts import Expression
from loadws.scenario.template.expression import TemplateError
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.template import Compiled, compile_template
from loadws.scenario.template.values import kind, show
from loadws.scenario.yaml.explain import Where
from loadws.scenario.yaml.scalars import meant_truth
from loadws.scenario.yaml.tree import as_written

#: An expression with its braces, and with the quotes right around them where there are some.
_BRACES = re.compile(r"(['\"]?)\{\{\s*(.*?)\s*\}\}\1", re.DOTALL)
#: Characters of a text that is written into advice.
_LONGEST_SHOWN = 100
_EXAMPLES = {
    "truth": """"{{ state == 'ok' }}\"""",
    "number": '"{{ n * 1000 }}"',
    "whole number": '"{{ n + 1 }}"',
}
_PATH = re.compile(r"\$[.\[]")
_NO_PATH = (
    "an expression has no JSONPath: check it where the message is received, as reply: {check: {$.a: 1}}, or capture it "
    "first, as reply: {capture: {a: $.a}}, and check the variable"
)


def check_expressions(findings: Findings, where: Where, step: AnyStep) -> None:
    """Refuse expressions of a step that cannot mean what they say: they are text, or always the same."""
    for part in step.parts():
        if isinstance(part, Expression):
            _check(findings, (*where, *part.place), part)


def _check(findings: Findings, where: Where, part: Expression) -> None:
    try:
        compiled = compile_template(part.text)
    except TemplateError:
        return  # the check of variables tells what is wrong
    problem = _fault(compiled, part)
    if problem is not None:
        findings.error(where, *problem)


def _fault(compiled: Compiled, part: Expression) -> tuple[str, str] | None:
    """Return the message and the advice for an expression that is wrong; None where it is not."""
    if compiled.is_fixed:
        return _fixed(compiled.evaluate(Scope(clock=int)), part)
    if compiled.is_whole:
        return None
    if compiled.constant and part.gives != "truth":
        return f'expected a number or a {{{{ template }}}}, got text "{part.text[:40]}"', ""
    if compiled.constant:
        return "this is always the same: an expression stands in {{ }}", _in_new_braces(part)
    if part.gives != "truth":
        return f"this is never a {part.gives}: text beside {{{{ }}}} makes all of it text", _whole_in_braces(
            compiled, part
        )
    return "this is always true: text beside {{ }} makes all of it text", _whole_in_braces(compiled, part)


def _fixed(value: Any, part: Expression) -> tuple[str, str] | None:
    """Return what is wrong with a value that is always the same; None where it may be meant, as true in ``while``."""
    found = kind(value)
    if part.gives != "truth":
        fits = found == "integer" or (found == "number" and part.gives == "number")
        return None if fits else (f"expected a {part.gives}, and this is always {show(value)}", "")
    if found in ("boolean", "integer", "number"):
        return None
    if value and found == "string":
        return "this is always true: text is true, whatever it says", _of_quoted(value, part)
    return f"this is always {'true' if value else 'false'}: its value is {show(value)}", _of_quoted(value, part)


def _of_quoted(value: Any, part: Expression) -> str:
    """Return the advice for a condition whose quotes make it a text: ``{{ 'false' }}``."""
    written = _written(value) if isinstance(value, str) else ""
    if written and (" " in value or not compile_template(written[1:-1]).names):
        return f"write {written}"
    return f"write an expression of variables, as {_EXAMPLES[part.gives]}"


def _whole_in_braces(compiled: Compiled, part: Expression) -> str:
    """Return the advice for a text with expressions in it.

    Words beside the braces may be texts without quotes, or units: where there are some, the advice is an example.
    """
    if _PATH.search(part.text):
        return _NO_PATH
    written = _written(_BRACES.sub(r"\2", part.text))
    if written and compile_template(written[1:-1]).names <= compiled.names:
        return f"put all of it inside the braces: {written}"
    return _as_example(part)


def _in_new_braces(part: Expression) -> str:
    """Return the advice for a condition without braces."""
    if _PATH.search(part.text):
        return _NO_PATH
    written = _written(part.text)
    truth = meant_truth(part.text)
    if truth is not None and written.lower() != f'"{{{{ {as_written(truth)} }}}}"':
        return f'write "{{{{ {as_written(truth)} }}}}", or {written} for the variable'
    return f"write {written}" if written else _as_example(part)


def _as_example(part: Expression) -> str:
    quotes = ", and texts in quotes" if part.gives == "truth" else ""
    return f"put all of it inside the braces{quotes}, as {_EXAMPLES[part.gives]}"


def _written(text: str) -> str:
    """Return the text as one expression in quotes, as it stands in YAML; "" where it cannot be one."""
    if '"' in text and "'" not in text:
        text = text.replace('"', "'")
    if not text.strip() or len(text) > _LONGEST_SHOWN or '"' in text or "\\" in text or not text.isprintable():
        return ""
    template = f"{{{{ {text.strip()} }}}}"
    try:
        return f'"{template}"' if compile_template(template).is_whole else ""
    except TemplateError:
        return ""
