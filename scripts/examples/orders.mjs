// Holds a lock for as long as this process works, in Node. Start it twice: node orders.mjs
//
// Node has no flock. The view `hold` binds the lock to the open file as well, by creating the file: it is renewed
// while the file is open, and released when the file is closed or the process ends in whatever way. To wait for the
// lock, open `/locks/.with/wait=10s,hold/orders`. Each open that waits occupies one of Node's four threads for
// files.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";

// Your work: this one waits for a line of input.
async function work(token) {
  console.log("work", token);
  await once(process.stdin, "data");
  process.stdin.destroy();
}

const lock = await open("/locks/.with/hold/orders", "wx"); // EEXIST: somebody has it
const path = `/proc/${process.pid}/fd/${lock.fd}`; // this holding, and not the next one
const token = execFileSync("getfattr", ["--absolute-names", "--only-values", "-n", "user.lock.token", path]);
await work(Number(token));
await lock.sync(); // errno -116 (ESTALE) if the lock was lost meanwhile
await lock.close();
