"""The events of the YAML parser, with its error messages in our words."""

from __future__ import annotations

import re
import warnings
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from loadws.scenario.yaml.explain import Problems
from loadws.scenario.yaml.indentation import wrong_indentation


class Events:
    """The parser's events, with its errors in our words."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.last = 0
        self._events = YAML(typ="safe", pure=True).parse(problems.source.text)

    def next(self) -> Any:
        """Return the next event; None at the end."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                event = next(self._events, None)
        except MarkedYAMLError as error:
            self._marked_error(error)
        except (YAMLError, ValueError, OverflowError, IndexError, AssertionError, AttributeError, TypeError) as error:
            # The scanner lets these out for a few malformed escapes and directives.
            self._syntax_error(self.last, str(error))
        if event is not None:
            self.last = event.start_mark.index
        return event

    def _marked_error(self, error: MarkedYAMLError) -> NoReturn:
        problem, mark = error.problem or error.context or "", error.problem_mark
        if error.context_mark and re.search("stream end|end of stream", problem):
            problem, mark = "what begins here is not closed", error.context_mark
        self._syntax_error(mark.index if mark else self.last, problem)

    def _syntax_error(self, offset: int, problem: str) -> NoReturn:
        text = self.problems.source.text
        offset = min(offset, len(text))
        message, advice = wrong_indentation(text, offset, problem)
        if message:
            self.problems.fail(offset, message, advice)
        self.problems.fail(offset, f"not YAML: {problem.splitlines()[0]}", _syntax_advice(text, offset, problem))


def _syntax_advice(text: str, offset: int, problem: str) -> str:
    if "but got '{'" in problem or "but got '['" in problem:
        return (
            "inside { } and [ ] quote text that holds { or [: a rule with labels, a path with an index, "
            "a {{ template }}, an ${ENVIRONMENT} value"
        )
    if "mapping values are not allowed" in problem:
        return "quote text that holds ': ', and look at the indentation"
    if text[offset : offset + 1] == "\t":
        return "YAML is indented with spaces, not tabs"
    if "cannot start any token" in problem:
        return "quote text that begins with this character"
    return ""
