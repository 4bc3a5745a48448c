// npm ocpp-rpc: a central system that calls each station once it has booted, and validates what it is sent.
const { RPCServer } = require("ocpp-rpc");

const server = new RPCServer({ protocols: ["ocpp1.6"], strictMode: true });
server.on("client", (client) => {
  let answered = null;
  client.handle("BootNotification", () => {
    setTimeout(async () => {
      answered = await client.call("TriggerMessage", { requestedMessage: "Heartbeat" });
    });
    return { status: "Accepted", interval: 300, currentTime: new Date().toISOString() };
  });
  client.handle("Heartbeat", () => ({ currentTime: new Date().toISOString() }));
  client.handle("DataTransfer", () => ({ status: "Accepted", data: answered ? answered.status : "none" }));
});
server.listen(0, "127.0.0.1").then((http) => console.log(http.address().port));
