"""What a run is told stands in one record: a copy of it elsewhere could say something else."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from loadws.engine.load import Load
from loadws.engine.runtime.facts import RunFacts
from loadws.engine.runtime.shared import Shared
from loadws.engine.setup_teardown import Once
from loadws.engine.steps.parts.context import StepContext


def names_in(record: Any) -> set[str]:
    """Return the names of a record's fields, of a dataclass or a struct."""
    return {field.name for field in fields(record)} if is_dataclass(record) else set(record.__struct_fields__)


@pytest.mark.parametrize("record", [Load, Once, Shared, StepContext])
def test_no_record_on_the_way_has_a_copy_of_a_fact(record: Any) -> None:
    assert names_in(RunFacts) and names_in(RunFacts).isdisjoint(names_in(record))
