"""YAML -> Scenario. No trio, no clock, no sockets."""
