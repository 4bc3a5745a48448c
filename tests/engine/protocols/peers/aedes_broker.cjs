// A broker of MQTT by aedes. It refuses the password "wrong", and subscriptions to "private".
const http = require("node:http");
const { Aedes } = require("aedes");
const { WebSocketServer, createWebSocketStream } = require("ws");

async function main() {
  const broker = await Aedes.createBroker({
    authenticate: (client, user, password, done) => {
      const isWrong = String(password) === "wrong";
      done(isWrong ? Object.assign(new Error("no"), { returnCode: 4 }) : null, !isWrong);
    },
    authorizeSubscribe: (client, sub, done) => done(null, sub.topic === "private" ? null : sub),
  });
  const server = http.createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => "mqtt" });
  sockets.on("connection", (socket, request) => broker.handle(createWebSocketStream(socket), request));
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

main();
