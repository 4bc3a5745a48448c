"""``loadws schema``: the JSON Schema of a scenario file or of summary.json, on stdout."""

from __future__ import annotations

import json
from typing import Any

from loadws.cli.options import SchemaOf


def schema_command(of: SchemaOf) -> None:
    print(json.dumps(_schema(of), indent=2))


def _schema(of: SchemaOf) -> dict[str, Any]:
    if of == "scenario":
        from loadws.scenario.docs.schema import scenario_schema

        return scenario_schema()
    from loadws.metrics.summary import json_schema

    return json_schema()
