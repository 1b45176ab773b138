"""What the scripts that drive the built tools share."""
import os
import subprocess

BIN = os.environ.get("REGKIT_BIN", "build/bin")
checks = 0  # that held so far: a script asserts at its end that it came to them


def run(tool, *args, code=0):
    """Runs a tool; its exit code must be `code`."""
    done = subprocess.run([os.path.join(BIN, tool), *map(str, args)], capture_output=True, text=True, timeout=1000)
    assert done.returncode == code, f"{tool} {args}: {done.returncode}, not {code}\n{done.stderr}"
    return done


def check(ok, what):
    global checks
    checks += 1
    assert ok, what
