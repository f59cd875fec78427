import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

Deno.test("main reads paths from where the user called the task", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/empty.kubeconfig`, "kind: Config\n");
    const { stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "cli/main.ts", "clusters", "--kubeconfig=empty.kubeconfig"],
      cwd: ROOT,
      env: { INIT_CWD: dir },
      stdin: "null",
      stdout: "null",
    }).output();
    assert.match(new TextDecoder().decode(stderr), /empty\.kubeconfig has no current-context/);
    assert.equal(code, 1);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
