"""The part of a share's ``run.json`` that ``loadws merge`` needs."""

from __future__ import annotations

from platform import node

from loadws.cli.options import RunOptions
from loadws.fleet.shares import fingerprint, run_id_of
from loadws.fleet.start import as_utc
from loadws.metrics.runinfo import ShareInfo
from loadws.plan.figures import figures_of
from loadws.plan.plan import Plan
from loadws.scenario.build import Loaded


def share_info(loaded: Loaded, options: RunOptions, whole: Plan) -> ShareInfo:
    """Return what ``merge`` needs to know about this share; ``whole`` is the plan of all shares."""
    assert options.share is not None
    share, mark = options.share, fingerprint(loaded, whole, options.overrides)
    return ShareInfo(
        run_id=loaded.masker.text(run_id_of(share, whole.seed, mark)),
        fingerprint=mark,
        index=share.index,
        of=share.of,
        weights=share.weights,
        machine=node(),
        whole_plan=figures_of(whole).as_json(),
        start_at=None if share.start_at_unix_ns is None else as_utc(share.start_at_unix_ns),
    )
