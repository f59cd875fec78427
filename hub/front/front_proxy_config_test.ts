import assert from "node:assert/strict";
import { memoryLog } from "../../shared/log.ts";
import {
  type ConfigMapLike,
  FRONT_PROXY_CONFIG_MAP,
  FrontProxyConfig,
  NO_FRONT_PROXY,
  parseFrontProxyConfig,
} from "./front_proxy_config.ts";
import { TestCa } from "../../shared/testing/test_pki.ts";

type Listener = {
  added?: (object: ConfigMapLike) => void;
  updated?: (object: ConfigMapLike) => void;
  deleted?: (object: ConfigMapLike) => void;
};

async function data(more: Record<string, string> = {}): Promise<Record<string, string>> {
  return {
    "requestheader-client-ca-file": (await TestCa.create("ca")).pem,
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-username-headers": '["X-Remote-User"]',
    ...more,
  };
}

Deno.test("parseFrontProxyConfig() names the key it cannot read", async () => {
  const good = await data();
  assert.deepEqual(parseFrontProxyConfig(good).allowedNames, ["front-proxy-client"]);
  assert.deepEqual(parseFrontProxyConfig({}), NO_FRONT_PROXY);
  const extra = { "requestheader-extra-headers-prefix": '["", "X-Remote-Extra-"]' };
  assert.deepEqual(parseFrontProxyConfig(extra).extraHeaderPrefixes, ["X-Remote-Extra-"]);
  for (const bad of ["{}", "[1]", "X-Remote-Group", '"x"']) {
    assert.throws(
      () => parseFrontProxyConfig({ ...good, "requestheader-group-headers": bad }),
      /Cannot read requestheader-group-headers/,
    );
  }
});

Deno.test("FrontProxyConfig follows the ConfigMap and keeps the last good settings", async () => {
  const log = memoryLog();
  const config = new FrontProxyConfig({ log });
  let listener: Listener = {};
  config.follow({ on: (given) => listener = given });
  let changes = 0;
  config.subscribe(() => changes++);
  assert.equal(config.loaded, false);
  const first = await data();
  const object = (values: Record<string, string>): ConfigMapLike => ({
    metadata: { name: FRONT_PROXY_CONFIG_MAP },
    data: values,
  });
  listener.added?.({ metadata: { name: "another" }, data: await data() });
  assert.equal(config.loaded, false);
  listener.added?.(object(first));
  assert.equal(config.loaded, true);
  const pem = config.value.requestHeaderCa.pem;
  listener.updated?.(object({ ...first }));
  assert.equal(changes, 1);
  listener.updated?.(object({ ...first, "requestheader-client-ca-file": "broken" }));
  listener.deleted?.(object(first));
  assert.equal(config.value.requestHeaderCa.pem, pem);
  assert.deepEqual(log.lines.map(({ level }) => level), ["info", "error", "warn"]);
  listener.added?.(object(await data()));
  assert.notEqual(config.value.requestHeaderCa.pem, pem);
  assert.equal(changes, 2);
});

Deno.test("FrontProxyConfig warns of a CA that anybody holds a certificate of", async () => {
  const log = memoryLog();
  const config = new FrontProxyConfig({ log });
  const values = await data({ "requestheader-allowed-names": "[]" });
  config.update({ ...values, "client-ca-file": values["requestheader-client-ca-file"]! });
  assert.match(log.lines[0]!.message, /every client certificate can speak for anybody/);
  config.update({});
  assert.match(log.lines[2]!.message, /requestheader-client-ca-file is empty/);
});
