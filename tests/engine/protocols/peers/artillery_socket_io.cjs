// npm socket.io for a script of Artillery: acknowledgements, an event that answers another, and two namespaces.
// WRONG in the environment lets one of the answers be another.
const { createServer } = require("http");
const { Server } = require("socket.io");

const wrong = process.env.WRONG;
const http = createServer();
const io = new Server(http);

const speak = (namespace) => (socket) => {
  socket.on("open", (room, ack) => ack({ ok: wrong !== "match", id: wrong === "capture" ? undefined : `${room}-7` }, 2));
  socket.on("join", ({ id }) => {
    socket.emit("noise", 1);
    socket.emit("joined", { id: wrong === "response" ? "other" : id, namespace }, "done");
  });
  socket.on("say", (text, ack) => {
    if (wrong !== "silent") socket.emit("said", wrong === "data" ? "bye" : `${text} all`);
    if (ack) ack(namespace);
  });
};
io.on("connection", speak("/"));
io.of("/admin").on("connection", speak(wrong === "admin" ? "/" : "/admin"));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
