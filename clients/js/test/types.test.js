// Types as whoever installs this has them: nothing is built on the way, so they are kept, and kept up to date.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const CLIENT = join(import.meta.dirname, "..");
const FOLDER = mkdtempSync(join(tmpdir(), "tidegate-types-"));
const TSC = join(CLIENT, "node_modules", "typescript", "bin", "tsc");
after(() => rmSync(FOLDER, { recursive: true }));

const PLAIN = `
import { Problem, Tidegate } from "tidegate-client";
class Socket {
  onopen: ((event: { target: Socket }) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: ((event: Error) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(address: string | URL, protocols?: string | string[]) {}
  send(data: string | Uint8Array): void {}
  close(code?: number): void {}
}
const tidegate = new Tidegate({ url: ["http://one", "http://two"], org: "demo", WebSocket: Socket });
const day = tidegate.day({ resource: "studio-south", date: "2026-12-07", tz: "Europe/Lisbon" });
const use: "free" | "held" | "full" | "blocked" | undefined = day.value?.slots[0]?.use;
export async function booked(): Promise<string> {
  const { hold } = await tidegate.hold({ event_type: "session", resource: "studio-south", start: "2026-12-07T10:00" });
  return hold.toUpperCase();
}
// @ts-expect-error: a day is of a resource
tidegate.day({ date: "2026-12-07", tz: "Europe/Lisbon" });
// @ts-expect-error: and it is not just anything
day.value?.nothing;
console.log(new Problem("closed", "the stream was closed").code, use);
`;
const REACT = `
import { useRoom } from "tidegate-client/react";
export function Waiting({ room }: { room: string }) {
  const { value, current } = useRoom(room);
  const waiting: number | undefined = value?.waiting;
  // @ts-expect-error: a room has no such thing
  value?.nothing;
  return current ? waiting : null;
}
console.log(typeof useRoom);
`;

/** What a program says that stands in a folder of its own, where the client was installed by these words. */
function said(name, words, program) {
  const app = join(FOLDER, name);
  const run = (...command) => execFileSync(command[0], command.slice(1), { cwd: app, encoding: "utf8", stdio: "pipe" });
  mkdirSync(app);
  writeFileSync(join(app, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
  run("npm", ...words, "--offline", "--no-audit", "--no-fund"); // it needs nothing but itself
  for (const beside of ["react", "@types"]) {
    symlinkSync(join(CLIENT, "node_modules", beside), join(app, "node_modules", beside));
  }
  writeFileSync(join(app, "program.ts"), program);
  try {
    run(process.execPath, TSC, "--strict", "--target", "es2022", "--module", "nodenext", "program.ts");
  } catch ({ stdout }) {
    assert.fail(stdout);
  }
  return run(process.execPath, "program.js").trim();
}

test("the types that are kept are made of the code as it is: npm run types", () => {
  const made = join(FOLDER, "made");
  const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", made];
  execFileSync(process.execPath, [TSC, ...options], { cwd: CLIENT });
  copyFileSync(join(CLIENT, "src", "wire.d.ts"), join(made, "wire.d.ts"));
  const all = (folder) =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  assert.deepEqual(all(join(CLIENT, "types")), all(made));
});

test("who installs it as the README says has its types, also those for React", () => {
  const readme = readFileSync(join(CLIENT, "README.md"), "utf8");
  const words = readme
    .match(/^ {4}npm (install .*)\.\/clients\/js$/m)[1]
    .trim()
    .split(" ");
  assert.equal(said("installed", [...words, CLIENT], PLAIN + REACT), "closed undefined\nfunction");
});

test("who only makes a link to it has them as well", () => {
  assert.equal(said("linked", ["install", "--no-install-links", CLIENT], PLAIN), "closed undefined");
});
