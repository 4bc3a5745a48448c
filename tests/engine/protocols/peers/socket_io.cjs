// npm socket.io: a namespace that acknowledges, sends events, asks for acknowledgements, and sends binary.
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
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
