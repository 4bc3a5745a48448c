"""A set of descriptors as protoc writes it for the file below, made here because protoc is not everywhere.

::

syntax = "proto3";
package chat;
enum Kind { PLAIN = 0; LOUD = 1; }
message Part { bytes data = 1; optional string note = 2; }
message Say {
  uint64 id = 1; string text = 2; Kind kind = 3; repeated Part parts = 4; map<string, int64> counts = 5;
  oneof to { string room = 6; uint32 user = 7; } double weight = 8; Part best_part = 9; repeated sint32 marks = 10;
}
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

_F = FieldDescriptorProto


def write(path: Path) -> Path:
    """Write the set of descriptors to a file, and return its path."""
    file = FileDescriptorProto(name="chat.proto", package="chat", syntax="proto3")
    kind = file.enum_type.add(name="Kind")
    for number, name in enumerate(("PLAIN", "LOUD")):
        kind.value.add(name=name, number=number)
    part = file.message_type.add(name="Part")
    _field(part, 1, "data", _F.TYPE_BYTES)
    part.oneof_decl.add(name="_note")
    _field(part, 2, "note", _F.TYPE_STRING, oneof_index=0, proto3_optional=True)
    say = file.message_type.add(name="Say")
    entry = say.nested_type.add(name="CountsEntry")
    entry.options.map_entry = True
    _field(entry, 1, "key", _F.TYPE_STRING)
    _field(entry, 2, "value", _F.TYPE_INT64)
    say.oneof_decl.add(name="to")
    _field(say, 1, "id", _F.TYPE_UINT64)
    _field(say, 2, "text", _F.TYPE_STRING)
    _field(say, 3, "kind", _F.TYPE_ENUM, type_name=".chat.Kind")
    _field(say, 4, "parts", _F.TYPE_MESSAGE, type_name=".chat.Part", label=_F.LABEL_REPEATED)
    _field(say, 5, "counts", _F.TYPE_MESSAGE, type_name=".chat.Say.CountsEntry", label=_F.LABEL_REPEATED)
    _field(say, 6, "room", _F.TYPE_STRING, oneof_index=0)
    _field(say, 7, "user", _F.TYPE_UINT32, oneof_index=0)
    _field(say, 8, "weight", _F.TYPE_DOUBLE)
    _field(say, 9, "best_part", _F.TYPE_MESSAGE, type_name=".chat.Part")
    _field(say, 10, "marks", _F.TYPE_SINT32, label=_F.LABEL_REPEATED)
    path.write_bytes(FileDescriptorSet(file=[file]).SerializeToString())
    return path


def _field(of: DescriptorProto, number: int, name: str, kind: int, **more: object) -> None:
    of.field.add(**{"number": number, "name": name, "type": kind, "label": _F.LABEL_OPTIONAL, **more})
