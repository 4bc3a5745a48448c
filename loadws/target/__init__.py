"""The server that ships with loadws: echo, broadcast or JSON, with faults on purpose. It also serves ``builtin:MODE``."""
