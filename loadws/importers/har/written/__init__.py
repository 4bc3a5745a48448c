"""The parts of the scenario that a recording becomes."""
