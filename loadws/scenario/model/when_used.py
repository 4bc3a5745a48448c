"""Models whose validator is built when a file first uses them: a scenario names few of the verbs, and fewer options.

To build the validators of all models takes longer than all else that reading a small scenario does.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_MODEL = "loadws_model"


class WhenUsed:
    """A mark on a model that stands in a field: the field's owner is built without it, and it when a value comes.

    Its errors have the same places and words as without the mark.
    """

    def __get_pydantic_core_schema__(self, source: type[BaseModel], _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a schema that calls the model's own validator."""
        return core_schema.no_info_plain_validator_function(
            source.model_validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_dumped, info_arg=True),
            metadata={_MODEL: source},
        )


def _dumped(value: BaseModel, asked: Any) -> dict[str, Any]:
    """Return a marked model as the model around it is asked for, by pydantic's ``SerializationInfo``."""
    return value.model_dump(
        mode=asked.mode,
        include=asked.include,
        exclude=asked.exclude,
        by_alias=asked.by_alias,
        exclude_unset=asked.exclude_unset,
        exclude_defaults=asked.exclude_defaults,
        exclude_none=asked.exclude_none,
    )


def plain_data(value: Any) -> Any:
    """Return a model as ``model_dump`` does: mappings, tuples, lists and values. Its serializer need not be built for it."""
    if isinstance(value, BaseModel):
        return {name: plain_data(inner) for name, inner in value}
    if isinstance(value, dict):
        return {key: plain_data(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(map(plain_data, value))
    return value


class WholeSchema(GenerateJsonSchema):
    """The maker of the JSON Schema of models, with those inside that are marked with ``WhenUsed``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._begun: set[str] = set()

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        """Return a reference to the schema of a marked model, which is made the first time."""
        model = schema.get("metadata", {}).get(_MODEL)
        return super().function_plain_schema(schema) if model is None else self._of_model(model)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return whether the field says its own title: one with a marked model does not, as one with any other model."""
        return _MODEL not in schema.get("metadata", {}) and super().field_title_should_be_set(schema)

    def _of_model(self, model: type[BaseModel]) -> JsonSchemaValue:
        model.model_rebuild()
        whole = model.__pydantic_core_schema__
        inner = whole["schema"] if whole["type"] == "definitions" else whole
        reference = str(inner.get("ref") or inner.get("schema_ref"))
        if reference in self._begun:
            return self.generate_inner(core_schema.definition_reference_schema(reference))
        self._begun.add(reference)
        for definition in whole["definitions"] if whole["type"] == "definitions" else ():
            self.generate_inner(definition)
        return self.generate_inner(inner)
