// npm graphql-ws: the subprotocol graphql-transport-ws, with a schema of its own.
const { buildSchema } = require("graphql");
const { useServer } = require("graphql-ws/use/ws");
const { WebSocketServer } = require("ws");

async function* ticks() {
  for (let tick = 0; ; tick++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    yield { tick };
  }
}

const schema = buildSchema("type Query { hello(name: String): String } type Subscription { tick: Int }");
const roots = { query: { hello: ({ name }) => `hello ${name}` }, subscription: { tick: ticks } };
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("listening", () => console.log(server.address().port));
useServer({ schema, roots }, server);
