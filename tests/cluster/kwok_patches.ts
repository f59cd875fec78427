/**
 * Where kwok's stand-in kubelet is less real than tests need, a patched copy of its sources
 * is built (nothing is vendored). Without this, `kubectl exec` gives exit code 1 for
 * any failure, `exec -i` and `cp` never see the end of standard input, a terminal loses the last
 * words of a command and knows no Ctrl-C, and `attach` drops what is typed.
 *
 * @module
 */
import type { SourcePatch } from "./programs.ts";

const module = "sigs.k8s.io/kwok";

const EXEC = "pkg/kwok/server/debugging_exec.go";
const TTY = "pkg/kwok/server/debugging_exec_other.go";
const ATTACH = "pkg/kwok/server/debugging_attach.go";

/** The changes, applied to kwok v0.8.0. */
export const KWOK_PATCHES: readonly SourcePatch[] = [
  {
    // The end of the client's stdin is the end of the command's.
    module,
    file: "pkg/utils/exec/exec.go",
    find: "_, _ = io.Copy(inPipe, opt.In)",
    replace: "_, _ = io.Copy(inPipe, opt.In)\n\t\t\t\t_ = inPipe.Close()",
  },
  {
    module,
    file: EXEC,
    find: `	"context"
	"fmt"
`,
    replace: `	"context"
	"errors"
	"fmt"
`,
  },
  {
    module,
    file: EXEC,
    find: `	"net/http"
	"slices"
	"strings"
	"time"
`,
    replace: `	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
`,
  },
  {
    module,
    file: EXEC,
    find: `	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
`,
    replace: `	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	k8sexec "k8s.io/utils/exec"
`,
  },
  {
    // Exit codes reach kubectl; a signal gives 128 + its number, as a shell says it.
    module,
    file: EXEC,
    find: `	if tty {
		return s.execInContainerWithTTY(ctx, cmd, in, stdout, resize)
	}

	return s.execInContainer(ctx, cmd, in, stdout, stderr)
}
`,
    replace: `	if tty {
		err = s.execInContainerWithTTY(ctx, cmd, in, stdout, resize)
	} else {
		err = s.execInContainer(ctx, cmd, in, stdout, stderr)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code := exit.ExitCode()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			code = 128 + int(status.Signal())
		}
		return k8sexec.CodeExitError{Err: err, Code: code}
	}
	return err
}
`,
  },
  {
    module,
    file: TTY,
    find: `	"context"
	"io"
`,
    replace: `	"context"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
`,
  },
  {
    module,
    file: TTY,
    find: `	utilsnet "sigs.k8s.io/kwok/pkg/utils/net"
`,
    replace: "",
  },
  {
    module,
    file: TTY,
    find: `	// Create a two way tunnel for pty and stream.
	go func() {
		buf1 := s.bufPool.Get()
		buf2 := s.bufPool.Get()
		defer func() {
			s.bufPool.Put(buf1)
			s.bufPool.Put(buf2)
		}()
		stm := struct {
			io.Reader
			io.Writer
		}{in, out}
		err := utilsnet.Tunnel(ctx, pty, stm, buf1, buf2)
		if err != nil {
			logger.Error("failed to tunnel",
				"err", err,
			)
		}
	}()
`,
    replace: `	// Ends when the last process that has the terminal is gone.
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(out, pty)
	}()
	if in != nil {
		go func() {
			_, _ = io.Copy(pty, in)
			// The client is gone: end of transmission, so that a shell does not wait for ever.
			_, _ = pty.Write([]byte{4})
		}()
	}
`,
  },
  {
    module,
    file: TTY,
    find: `	// Set the stream as the stdin/stdout/stderr.
	ctx = utilsexec.WithIOStreams(ctx, utilsexec.IOStreams{
		In:     tty,
		Out:    tty,
		ErrOut: tty,
	})

	// Execute the command.
	err = utilsexec.Exec(ctx, cmd[0], cmd[1:]...)
	if err != nil {
		return err
	}

	return nil
`,
    replace: `	// A session with this terminal as its own: Ctrl-C and job control work.
	opt := utilsexec.GetExecOptions(ctx)
	c := exec.CommandContext(ctx, cmd[0], cmd[1:]...)
	c.Env = append(os.Environ(), opt.Env...)
	c.Dir = opt.Dir
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err = c.Start(); err != nil {
		return err
	}
	_ = tty.Close()
	err = c.Wait()
	// What the command wrote last is still on its way.
	select {
	case <-drained:
	case <-time.After(2 * time.Second):
	}
	return err
`,
  },
  {
    module,
    file: ATTACH,
    find: `	"net/http"
	"slices"
	"strings"
`,
    replace: `	"net/http"
	"os"
	"slices"
	"strings"
`,
  },
  {
    // What is typed into an attached container lands beside its log.
    module,
    file: ATTACH,
    find: `	logsFile := attach.LogsFile
`,
    replace: `	logsFile := attach.LogsFile
	if in != nil {
		file, err := os.OpenFile(logsFile+".stdin", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = file.Close() }()
			_, _ = io.Copy(file, in)
		}()
	}
`,
  },
];
