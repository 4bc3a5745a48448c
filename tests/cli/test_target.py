"""``loadws target``: that its options reach the target. What they do there is tested beside target."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from loadws.target import process
from loadws.target.options import MODES, Address, Announce, Closing, Refusal, Stall, Storm, TargetOptions
from loadws.target.process import Serving
from loadws.terms.units import NS_PER_MS, NS_PER_S
from tests.cli.commands import run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Serving]:
    """What would have been served."""
    servings: list[Serving] = []
    monkeypatch.setattr(process, "run_target", servings.append)
    return servings


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # nothing said: an echo without faults
        ("", Serving(TargetOptions(), Address("127.0.0.1", 8765))),
        # everything said
        (
            "--listen [::1]:0 --mode json --delay 20ms --jitter 5ms --stall 2s@10s --reject 503:0.1 "
            "--close-after 100:1001 --close-all 5s:1013 --drop 0.01 --tls --tls-ca ca.pem --seed 7 --announce json "
            "--until-stdin-closes",
            Serving(
                TargetOptions(
                    mode="json",
                    delay_ns=20 * NS_PER_MS,
                    jitter_ns=5 * NS_PER_MS,
                    stall=Stall(2 * NS_PER_S, 10 * NS_PER_S),
                    refusal=Refusal(503, 0.1),
                    closing=Closing(100, 1001),
                    drop_share=0.01,
                    seed=7,
                    storm=Storm(5 * NS_PER_S, 1013),
                ),
                Address("::1", 0),
                tls=True,
                ca_file=Path("ca.pem"),
                announce="json",
                until_stdin_closes=True,
            ),
        ),
        # who says where the certificate goes wants TLS
        ("--tls-ca ca.pem", Serving(TargetOptions(), Address("127.0.0.1", 8765), tls=True, ca_file=Path("ca.pem"))),
    ],
)
def test_options_reach_the_target(
    arguments: str, expected: Serving, asked: list[Serving], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "target", *arguments.split()).code == 0
    assert asked == [expected]


@pytest.mark.parametrize(("option", "choices"), [("--mode", MODES), ("--announce", get_args(Announce))])
def test_every_choice_is_taken(
    option: str, choices: tuple[str, ...], asked: list[Serving], capsys: pytest.CaptureFixture[str]
) -> None:
    for choice in choices:
        assert run(capsys, "target", option, choice).code == 0
    taken = [serving.options.mode if option == "--mode" else serving.announce for serving in asked]
    assert taken == list(choices)
