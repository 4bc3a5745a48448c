"""The servers of protocols, by the modes of the target that they are."""

from __future__ import annotations

from collections.abc import Callable

from loadws.target.speaking.action_cable import ActionCable
from loadws.target.speaking.centrifugo import Centrifugo
from loadws.target.speaking.graphql import GraphQl, LegacyGraphQl
from loadws.target.speaking.json_rpc import JsonRpc
from loadws.target.speaking.mqtt import Mqtt
from loadws.target.speaking.ocpp import Ocpp
from loadws.target.speaking.phoenix import Phoenix
from loadws.target.speaking.pusher import Pusher
from loadws.target.speaking.signalr import SignalR
from loadws.target.speaking.socket_io import SocketIo
from loadws.target.speaking.stomp import Stomp
from loadws.target.speaking.talk import Talk
from loadws.target.speaking.voice import Voice

#: Makes the server's side of one connection.
TALKS: dict[str, Callable[[], Talk]] = {
    "json-rpc": JsonRpc,
    "graphql-transport-ws": GraphQl,
    "graphql-ws": LegacyGraphQl,
    "phoenix": Phoenix,
    "action-cable": ActionCable,
    "pusher": Pusher,
    "centrifugo": Centrifugo,
    "signalr": SignalR,
    "ocpp1.6": Ocpp,
    "ocpp2.0.1": Ocpp,
    "socket.io": SocketIo,
    "mqtt": Mqtt,
    "stomp": Stomp,
    "voice": Voice,
}
