"""A server that reveals everything: it repeats what it gets in messages, refusals, answers and close reasons.

It runs in a thread of its own. It writes each repeated text in every way that servers do.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: The answer to a login.
TOKEN, COOKIE = 'tok/EN"GIVENTOKEN+ö', "GIVENCOOKIE=="


def ways(text: str) -> dict[str, str]:
    """Return a text in each way that a server may write it, by the name of that way."""
    content = text.encode()
    return {
        "plain": text,
        "json": json.dumps(text)[1:-1],
        "json, letters as they are": json.dumps(text, ensure_ascii=False)[1:-1],
        "json in json": json.dumps(json.dumps(text))[1:-1],
        "address": quote(text, safe=""),
        "path": quote(text),
        "form": quote_plus(text),
        "html": html.escape(text),
        "base64": base64.b64encode(content).decode(),
        "base64, one byte on": base64.b64encode(b"u:" + b"x" * 2 + content).decode()[6:-4],
        "base64, two bytes on": base64.b64encode(b"us" + content).decode()[3:-4],
        "base64 for addresses": base64.urlsafe_b64encode(content).decode(),
        "hexadecimal": content.hex(),
    }


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while (head := self._head()) is not None:
            line, headers = head
            body = self.rfile.read(int(headers.get("content-length", 0)))
            _, target, _ = line.split(" ")
            if headers.get("upgrade", "").lower() != "websocket":
                self._answer(target, headers, body)
            elif target.startswith("/refused"):
                self._say(403, self._repeated(target, headers, body), (("X-Api-Key", headers.get("x-api-key", "")),))
                return
            else:
                self._serve(headers)
                return

    def _head(self) -> tuple[str, dict[str, str]] | None:
        line = self.rfile.readline().decode("latin-1").strip()
        if not line:
            return None
        headers = {}
        while field := self.rfile.readline().decode().strip():
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        return line, headers

    def _answer(self, target: str, headers: dict[str, str], body: bytes) -> None:
        if target == "/login":
            self._say(200, {"token": TOKEN}, (("Set-Cookie", f"session={COOKIE}; Path=/"),))
        else:
            self._say(500 if target.startswith("/fails") else 200, self._repeated(target, headers, body))

    def _repeated(self, target: str, headers: dict[str, str], body: bytes) -> object:
        said = [target, *headers.values(), body.decode("utf-8", "replace")]
        return {"you_said": said, "again": json.dumps(said)}

    def _say(self, status: int, content: object, headers: tuple[tuple[str, str], ...] = ()) -> None:
        body = json.dumps(content).encode()
        fields = "".join(f"{name}: {value}\r\n" for name, value in (*headers, ("Content-Length", str(len(body)))))
        self.wfile.write(f"HTTP/1.1 {status} So\r\n{fields}\r\n".encode() + body)

    # -- WebSocket ----------------------------------------------------------------------------------------------------

    def _serve(self, headers: dict[str, str]) -> None:
        accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + _GUID).digest()).decode()
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        while (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode == 8:
                self._send(8, payload)
                return
            said = json.loads(payload)
            if said.get("op") == "leave":
                self._send(8, (4000).to_bytes(2) + f"no {said['say']}".encode()[:100])
                return
            spoken = {"id": said.get("id"), "you_said": payload.decode(), **ways(str(said.get("say", "")))}
            self._send(1, json.dumps(spoken).encode())

    def _frame(self) -> tuple[int, bytes] | None:
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        length = head[1] & 127
        if length > 125:
            length = int.from_bytes(self.rfile.read(2 if length == 126 else 8))
        key, masked = self.rfile.read(4), self.rfile.read(length)
        return head[0] & 15, bytes(byte ^ key[at % 4] for at, byte in enumerate(masked))

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2)
        self.wfile.write(bytes([0x80 | opcode]) + length + payload)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore an error: the client was cut off midway."""


@contextmanager
def telling_server() -> Iterator[int]:
    """Yield the port of a server on 127.0.0.1."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()
