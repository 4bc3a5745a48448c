"""Asks a Dask scheduler whether its cluster scales by itself. Runs inside the scheduler, which need not have loadws."""

from __future__ import annotations


def scales_by_itself() -> bool:
    """Return whether the scheduler's process has a running ``Adaptive``, as that of ``LocalCluster(...).adapt()`` has."""
    import gc
    import sys

    module = sys.modules.get("distributed.deploy.adaptive")
    if module is None:
        return False
    found = [each for each in gc.get_objects() if issubclass(type(each), module.Adaptive)]
    return any(each.periodic_callback is not None and each.cluster._adaptive is each for each in found)
