"""One share of a load that several machines make together, and the values on which they agree without communication.

The seed, and the key that tells this run's probes from others', are derived from the run's id: they are equal on every
machine with the same scenario and the same id. The fingerprint covers everything that decides what is sent: two shares
with the same fingerprint are parts of one plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from loadws import __version__
from loadws.plan.figures import figures_of
from loadws.plan.plan import Plan
from loadws.plan.split import round_of
from loadws.scenario.build import Loaded, Overrides
from loadws.scenario.named_files import named_files, named_modules
from loadws.terms.errors import UsageError

#: The most shares of a run. A process's number must fit into 16 bits of a probe's token, whatever share it is of.
MOST_SHARES = 256
#: The weights of all shares, empty where all are equal, or that they are the machines' cores.
Weights = tuple[int, ...] | Literal["cores"]
#: The largest sum of weights, without their common factor.
LONGEST_ROUND = 4096
_SEED_BITS = 31
_NONCE_BITS = 63
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Share:
    """Share ``index`` of ``of``, from 0. ``run_id`` is empty where none was given. ``start_at_unix_ns`` None: at once.

    ``weights`` are those of all shares; empty: all are equal.
    """

    index: int
    of: int
    run_id: str = ""
    start_at_unix_ns: int | None = None
    weights: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.of <= MOST_SHARES:
            raise UsageError(
                f"--of {self.of}: a run has 1 to {MOST_SHARES} shares", "say how many machines make the load"
            )
        if not 0 <= self.index < self.of:
            raise UsageError(
                f"--index {self.index}: of {self.of} shares the indices are 0 to {self.of - 1}",
                "count from 0, as the index of a Kubernetes Job does",
            )
        check_weights(self.weights, self.of)


def check_weights(weights: Sequence[int], of: int) -> None:
    """Check the weights of so many shares; none are equal weights.

    Raises:
        UsageError: They are not one for each share, or too large.
    """
    text = ",".join(map(str, weights))
    if weights and len(weights) != of:
        raise UsageError(
            f"--shares {text} has {len(weights)} weights, and there are {of} shares", "give one weight for each share"
        )
    if weights and round_of(weights) > LONGEST_ROUND:
        raise UsageError(
            f"--shares {text}: the weights come to {round_of(weights):,}, and at most {LONGEST_ROUND:,} are allowed",
            "use smaller numbers, as 3,1,1",
        )


def fingerprint(loaded: Loaded, plan: Plan, overrides: Overrides) -> str:
    """Return 16 hexadecimal digits that are equal where the same would be sent to the same target, whatever the seed.

    The text without its secrets, the overrides of the command line, the plan's figures, and the named files are hashed.
    """
    known = replace(
        overrides,
        target=None,  # as shown
        variables={name: loaded.masker.text(value) for name, value in sorted(overrides.variables.items())},
        seed=None,
        secrets=(),
    )
    figures = {name: value for name, value in figures_of(plan).as_json().items() if name != "seed"}
    parts = (loaded.masked_text, loaded.shown_target, known, figures, __version__)
    digest = hashlib.sha256(msgspec.json.encode(parts, order="deterministic"))
    for name, path in files_of(loaded):
        digest.update(f"\0{name}\0".encode())
        _add_file(digest, path)
    return digest.hexdigest()[:16]


def files_of(loaded: Loaded) -> Iterator[tuple[str, Path]]:
    """Yield (name, path) of each file that the scenario names, once. Those whose names are templates are left out."""
    base = loaded.path.parent
    names = (*(name for _, name in named_files(loaded.scenario)), *named_modules(loaded.scenario))
    for name in dict.fromkeys(names):
        if "{{" not in name and (base / name).is_file():
            yield name, base / name


def _add_file(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)


def seed_of(loaded: Loaded, run_id: str) -> int:
    """Return the seed that every share of a run has.

    Raises:
        UsageError: Neither the scenario has a seed, nor is there a run id to derive one from.
    """
    if loaded.scenario.seed is not None:
        return loaded.scenario.seed
    if not run_id:
        raise UsageError(
            "a share needs the seed that all shares of its run have, and nothing says which",
            "say --seed N, or --run-id ID, from which it is derived; the same for every share",
        )
    return _number("seed", loaded.masked_text, run_id) >> (64 - _SEED_BITS)


def nonce_of(run_id: str, seed: int, mark: str) -> int:
    """Return the key of the run's probes: the same for its shares, and another for each run id and plan (``mark``)."""
    return _number("nonce", run_id, str(seed), mark) >> (64 - _NONCE_BITS)


def run_id_of(share: Share, seed: int, mark: str) -> str:
    """Return the run's id: the given one, or one made of the seed and the plan's fingerprint."""
    return share.run_id or f"{mark[:8]}-{seed}"


def _number(*words: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8])
