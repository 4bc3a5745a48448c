"""Families of metrics in the protobuf format of Prometheus, which alone can carry native histograms to it.

The messages are those of ``io.prometheus.client`` (client_model, ``metrics.proto``), each behind its length. Of protobuf's
wire format they need three kinds of fields: numbers (varint, signed ones in ZigZag), doubles, and bytes with their length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from loadws.outputs.bounded_labels import Key
from loadws.outputs.cumulative import SCHEMA, Distribution

MEDIA_TYPE = "application/vnd.google.protobuf"
CONTENT_TYPE = f"{MEDIA_TYPE}; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_COUNTER, _GAUGE, _HISTOGRAM = 0, 1, 4
_VARINT, _FIXED64, _BYTES = 0, 1, 2


def written(families: Iterable[Any], natives: Mapping[str, Mapping[Key, Distribution]]) -> bytes:
    """Return families of ``prometheus_client``; ``natives`` has the values of histograms by family and labels."""
    return b"".join(_delimited(_family(family, natives.get(family.name, {}))) for family in families)


def _family(family: Any, native: Mapping[Key, Distribution]) -> bytes:
    name, kind = family.name, _GAUGE
    metrics: Iterable[bytes]
    if family.type == "histogram":
        kind = _HISTOGRAM
        metrics = (_labels(dict(key)) + _bytes(7, _histogram(values)) for key, values in native.items())
    elif family.type == "counter":
        name, kind = f"{name}_total", _COUNTER
        metrics = (_labels(each.labels) + _bytes(3, _double(1, each.value)) for each in family.samples)
    else:
        name = family.samples[0].name
        metrics = (_labels(each.labels) + _bytes(2, _double(1, each.value)) for each in family.samples)
    head = _text(1, name) + _text(2, family.documentation) + _number(3, kind)
    return head + b"".join(_bytes(4, metric) for metric in metrics)


def _labels(labels: Mapping[str, str]) -> bytes:
    return b"".join(_bytes(1, _text(1, name) + _text(2, value)) for name, value in sorted(labels.items()))


def _histogram(values: Distribution) -> bytes:
    """Return both forms of a histogram: buckets with bounds, and spans of exponential buckets with deltas."""
    content = [_number(1, values.count), _double(2, values.sum)]
    bounds = (*values.bounds, float("inf"))
    content += [
        _bytes(3, _number(1, up_to) + _double(2, bound)) for bound, up_to in zip(bounds, values.up_to, strict=True)
    ]
    content += [_signed(5, SCHEMA), _double(6, values.zero_threshold), _number(7, values.zeros)]
    end = before = 0
    for start, counts in values.runs():
        content.append(_bytes(12, _signed(1, start - end) + _number(2, len(counts))))
        end = start + len(counts)
        for count in counts:
            content.append(_signed(13, count - before))
            before = count
    return b"".join(content)


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode("utf-8", "replace"))


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _delimited(content)


def _delimited(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | _FIXED64) + struct.pack("<d", value)


def _signed(field: int, number: int) -> bytes:
    return _number(field, number << 1 if number >= 0 else (-number << 1) - 1)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(number)


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
