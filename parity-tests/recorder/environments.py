"""Creates the locked environments: ``python -m recorder.environments [NAME …]``.

Each LiteLLM release that serves as an oracle, and the providers' own SDKs (``provider-models``), have a lock file beside
this module and get a virtual environment of their own under ``target/oracle/<name>/``. The lock is complete, so pip resolves nothing (``--no-deps``): what is installed
is what was measured. An environment is marked as ready after everything is installed: an interrupted run is repeated.
"""

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

CHAT_ORACLE = "1.109.1"
OCR_ORACLE = "1.103.11"
PROVIDER_MODELS = "provider-models"
VERSIONS = (CHAT_ORACLE, OCR_ORACLE)
NAMES = (*VERSIONS, PROVIDER_MODELS)

_HERE = Path(__file__).resolve().parent
REPOSITORY = _HERE.parent.parent


def lock_file(name: str) -> Path:
    """The pinned requirements of one environment."""
    return _HERE / (f"oracle-{name}.lock" if name in VERSIONS else f"{name}.lock")


def environment_dir(name: str) -> Path:
    """Where the environment lives; ``INTERLINGUA_ORACLE_DIR`` moves all of them."""
    root = os.environ.get("INTERLINGUA_ORACLE_DIR")
    return (Path(root) if root else REPOSITORY / "target" / "oracle") / name


def environment_python(name: str) -> Path:
    """The interpreter of an environment, whether or not it exists yet."""
    return environment_dir(name) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_ready(name: str) -> bool:
    """Whether the environment was completed from the lock file as it is now."""
    marker = environment_dir(name) / "installed-lock.sha256"
    return marker.is_file() and marker.read_text().strip() == _lock_digest(name)


def ensure(name: str) -> Path:
    """Creates the environment unless it is ready; returns its interpreter."""
    if not is_ready(name):
        _create(name)
    return environment_python(name)


def _lock_digest(name: str) -> str:
    return hashlib.sha256(lock_file(name).read_bytes()).hexdigest()


def _create(name: str) -> None:
    where = environment_dir(name)
    total = sum(1 for line in lock_file(name).read_text().splitlines() if "==" in line)
    started = time.monotonic()
    _say(f"environment {name}: creating it ({total} packages, once)")
    venv.EnvBuilder(with_pip=True, clear=True).create(where)
    _install(name, total, started)
    # Without .pyc files every start of a worker would compile 3,000 modules again.
    compile_all = [str(environment_python(name)), "-m", "compileall", "-q", "-j", "0", str(where)]
    subprocess.run(compile_all, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (where / "installed-lock.sha256").write_text(_lock_digest(name) + "\n")
    _say(f"environment {name}: ready after {time.monotonic() - started:.0f} s")


def _install(name: str, total: int, started: float) -> None:
    command = [str(environment_python(name)), "-m", "pip", "install", "--no-deps", "--no-input", "--no-compile"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r", str(lock_file(name))]
    collected, tail = 0, ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            tail = (tail + line)[-4000:]
            if line.startswith("Collecting "):
                collected += 1
                elapsed = time.monotonic() - started
                _say(f"environment {name}: {collected}/{total} packages, {elapsed:.0f} s", same_line=True)
            elif line.startswith("Installing collected"):
                _say(f"environment {name}: all {total} packages fetched, installing", same_line=True)
    _say("")
    if pip.returncode != 0:
        raise SystemExit(f"environment {name}: pip failed with {pip.returncode}:\n{tail}")


def _say(text: str, *, same_line: bool = False) -> None:
    """Progress on stderr: rewritten in place on a terminal, one line in ten in a log."""
    if same_line and sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
    elif text and (not same_line or "0/" in text or "installing" in text):
        print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Makes sure that the named environments (default: all) exist."""
    for name in sys.argv[1:] or NAMES:
        if name not in NAMES:
            raise SystemExit(f"unknown environment {name}; known: {', '.join(NAMES)}")
        print(ensure(name))


if __name__ == "__main__":
    main()
