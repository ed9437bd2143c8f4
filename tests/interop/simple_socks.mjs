// Starts a simple-socks server: node simple_socks.mjs MODULE HOST PORT EGRESS [USER PASSWORD]
import { setDefaultResultOrder } from "node:dns";

const [module, host, port, localAddress, user, password] = process.argv.slice(2);
const { default: socks } = await import(module);

setDefaultResultOrder("ipv4first");
const options = { localAddress };
if (user) {
    options.authenticate = (givenUser, givenPassword, socket, done) => {
        const known = givenUser === user && givenPassword === password;
        setImmediate(done, known ? undefined : new Error("unknown"));
    };
}
socks.createServer(options).listen(Number(port), host);
