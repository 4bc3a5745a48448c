"""The Autobahn test suite's fuzzing server judges every transport: ``python -m tests.conformance``."""
