// npm rpc-websockets: JSON-RPC 2.0, with the events that it calls notifications.
const { Server } = require("rpc-websockets");

const server = new Server({ port: 0, host: "127.0.0.1" });
server.on("listening", () => console.log(server.wss.address().port));
server.register("add", (numbers) => numbers.reduce((sum, one) => sum + one, 0));
server.event("news");
setInterval(() => server.emit("news", { number: 1 }), 50);
