"""The only place that waits: virtual users run compiled steps on their connections."""
