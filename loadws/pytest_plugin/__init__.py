"""The plugin for pytest: a fixture that makes a run and fails its test with the sentences of the checks."""

#: The name of the property of a test that has the result of a run. Properties reach the report also from other processes.
PROPERTY = "loadws"
