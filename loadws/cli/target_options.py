"""The options of ``loadws target``, as typer reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from loadws.cli.options import parse_number, told
from loadws.target.options import (
    Address,
    Announce,
    Closing,
    Mode,
    Refusal,
    Stall,
    Storm,
    parse_closing,
    parse_listen,
    parse_refusal,
    parse_share,
    parse_stall,
    parse_storm,
)
from loadws.terms.units import parse_duration

#: The default address to listen on.
LISTEN = Address("127.0.0.1", 8765)


def _duration(meaning: str, default: str | bool = True) -> Any:
    return typer.Option(parser=told(parse_duration), metavar="TIME", help=meaning, show_default=default)


Listen = Annotated[
    Address,
    typer.Option(
        parser=told(parse_listen),
        metavar="HOST:PORT",
        help="Port 0 takes a free one.",
        show_default=str(LISTEN),
    ),
]
ModeOf = Annotated[
    Mode,
    typer.Option(
        help="echo: the same back. broadcast: the same to every client. json: an object with the id asked with. "
        'feed: ticks with seq and ts, once {"op": "subscribe"} was sent.'
    ),
]
Delay = Annotated[int, _duration("How long every answer takes.")]
Jitter = Annotated[int, _duration("How far, up or down, a delay may be off.")]
StallOf = Annotated[
    Stall | None,
    typer.Option(
        parser=told(parse_stall),
        metavar="TIME@TIME",
        help="2s@10s: from 10 s after the first upgrade, and every 10 s again, no answer leaves for 2 s; "
        "what was held up leaves then.",
    ),
]
Reject = Annotated[
    Refusal | None,
    typer.Option(
        parser=told(parse_refusal), metavar="STATUS:SHARE", help="503:0.1 refuses a tenth of the upgrades with 503."
    ),
]
CloseAfter = Annotated[
    Closing | None,
    typer.Option(
        parser=told(parse_closing), metavar="N", help="Close each connection after N messages (N:1001: with 1001)."
    ),
]
CloseAll = Annotated[
    Storm | None,
    typer.Option(
        parser=told(parse_storm),
        metavar="TIME",
        help="5s: close every connection 5 s after the first upgrade, with 1012 (5s:1001: with 1001).",
    ),
]
Drop = Annotated[
    float, typer.Option(parser=told(parse_share), metavar="SHARE", help="The share of the answers that is never sent.")
]
Tick = Annotated[int, _duration("How long from one tick of a feed to the next.", "20ms")]
Login = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help='/login: a POST of {"user": name} there gives a token and a cookie; upgrades without are refused (401).',
    ),
]
Duplicate = Annotated[
    float, typer.Option(parser=told(parse_share), metavar="SHARE", help="The share of broadcasts that is sent twice.")
]
Reorder = Annotated[
    float,
    typer.Option(
        parser=told(parse_share),
        metavar="SHARE",
        help="The share of broadcasts that is sent after the next one of the same sender.",
    ),
]
Tls = Annotated[bool, typer.Option("--tls", help="Serve wss:// with a certificate that it makes itself.")]
TlsCa = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The file for the certificate that a client has to trust (tls.ca).")
]
FaultSeed = Annotated[int, typer.Option(parser=told(parse_number), metavar="N", help="The same seed, the same faults.")]
AnnounceAs = Annotated[Announce, typer.Option(help="text for people, json for programs: URL first, counts last.")]
UntilStdinCloses = Annotated[
    bool,
    typer.Option(
        "--until-stdin-closes", help="Stop when stdin ends, so that it does not outlive the program that started it."
    ),
]
