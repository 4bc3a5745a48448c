// npm socket.io: a namespace that acknowledges, sends events, asks for acknowledgements, and sends binary; and a page for it.
const { createServer } = require("http");
const { Server } = require("socket.io");

const PAGE = `<!doctype html><script src="/socket.io/socket.io.js"></script><script>
const socket = io("/chat", { auth: { token: "hunter2-hunter2-hunter2" } });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const once = (event, from = socket) => new Promise((resolve) => from.once(event, resolve));
window.done = (async () => {
  await once("connect");
  while (socket.io.engine.transport.name !== "websocket") await pause(20);
  const welcome = once("welcome");
  socket.emit("join", "lobby");
  await welcome;
  for (const number of [1, 2, 3]) await socket.emitWithAck("add", number, 40);
  await socket.emitWithAck("twice", new Uint8Array([1, 2]));
  await pause(700); // heartbeats
  socket.close();
})();
</script>`;

const http = createServer((request, response) => response.setHeader("content-type", "text/html").end(PAGE));
const io = new Server(http, { pingInterval: 300, pingTimeout: 2000, connectionStateRecovery: {} });
const chat = io.of("/chat");
chat.use((socket, next) => (socket.handshake.auth.token ? next() : next(new Error("no token"))));
chat.on("connection", (socket) => {
  socket.on("add", (one, other, ack) => ack(one + other));
  socket.on("join", (room) => socket.emit("welcome", room, Buffer.from([1, 2, 3])));
  socket.on("twice", (blob, ack) => ack(Buffer.concat([blob, blob])));
  socket.on("drop_me", () => {
    const { id } = socket;
    chat.to(id).emit("news", 1);
    setTimeout(() => socket.conn.transport.socket.terminate(), 50);
    setTimeout(() => chat.to(id).emit("news", 2), 200); // while the client is away
  });
  socket.on("call_me", async (ack) => ack(await socket.emitWithAck("hello", "loadws")));
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
