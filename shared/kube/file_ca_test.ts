import assert from "node:assert/strict";
import { TestCa } from "../testing/test_pki.ts";
import { fileCa } from "./file_ca.ts";

const [one, two] = await Promise.all([TestCa.create("one"), TestCa.create("two")]);

Deno.test("fileCa follows its file, at a bounded rate, sooner when asked for a fresh one", async () => {
  let [ms, reads, text] = [0, 0, one!.pem];
  const changes: string[] = [];
  const ca = fileCa({
    path: "/ca",
    first: one!.pem,
    onChange: (pem) => void changes.push(pem),
    now: () => ms,
    readTextFile: () => {
      reads++;
      return Promise.resolve(text);
    },
  });
  text = one!.pem + two!.pem;
  ms = 999;
  assert.equal(await ca({ fresh: true }), one!.pem);
  ms = 1_000;
  assert.equal(await ca(), one!.pem);
  assert.equal(reads, 0);
  const both = await Promise.all([ca({ fresh: true }), ca({ fresh: true })]);
  assert.deepEqual(both, [text, text]);
  assert.equal(reads, 1);
  text = two!.pem;
  ms = 10_999;
  assert.equal(await ca(), both[0]);
  ms = 11_000;
  assert.equal(await ca(), two!.pem);
  assert.deepEqual(changes, [both[0], two!.pem]);
  assert.equal(reads, 2);
});

Deno.test("fileCa keeps the last bundle while its file is gone, empty or half written", async () => {
  let [ms, text] = [0, undefined as string | undefined];
  const ca = fileCa({
    path: "/ca",
    first: one!.pem,
    now: () => ms += 60_000,
    readTextFile: () =>
      text === undefined ? Promise.reject(new Deno.errors.NotFound("/ca")) : Promise.resolve(text),
  });
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const bad = [undefined, "", "no PEM", one!.pem + two!.pem.slice(0, 200), two!.pem + broken];
  for (text of bad) assert.equal(await ca({ fresh: true }), one!.pem);
  text = two!.pem;
  assert.equal(await ca(), two!.pem);
});
