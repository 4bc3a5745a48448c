"""Where true or false is taken, ``yes`` and ``off`` are answered with what to write: they are text in YAML 1.2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import ConfigDict, ValidationError, create_model

from loadws.scenario.advice.wrong_values import wrong_value
from loadws.scenario.yaml.tree import Node
from tests.scenario.models import models, written_fields


def _refusal(annotation: Any, value: object) -> ValidationError | None:
    """Return how a value is refused; None where it is taken."""
    holder = create_model("Holder", __config__=ConfigDict(strict=True), field=(annotation, ...))
    try:
        holder.model_validate({"field": value})
    except ValidationError as error:
        return error
    return None


def truths() -> Iterator[tuple[str, Any]]:
    """Yield the name and the type of each field of the language that takes true and false, and no text."""
    for model in models():
        for name, field in written_fields(model):
            annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
            takes = [_refusal(annotation, value) is None for value in (True, False, 0, "yes")]
            if takes == [True, True, False, False]:
                yield f"{model.__name__}.{name}", annotation


TRUTHS = dict(truths())


def test_fields_of_each_sort_are_among_these() -> None:
    assert set(TRUTHS) >= {"Tls.verify", "ConnectionOptions.compression", "ConnectBody.reconnect", "Phase.warmup"}


@pytest.mark.parametrize("field", sorted(TRUTHS))
@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("yes", "yes is text here: write true"),
        ("On", "On is text here: write true"),
        ("off", "off is text here: write false"),
        ("true", "write true without quotes"),
        ("maybe", ""),
    ],
)
def test_every_field_that_takes_true_or_false_says_what_to_write(field: str, text: str, advice: str) -> None:
    refusal = _refusal(TRUTHS[field], text)
    assert refusal is not None
    assert wrong_value(Node(text, 0, len(text)), refusal.errors())[1] == advice
