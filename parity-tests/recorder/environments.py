"""Creates the oracle's locked environments: ``python -m recorder.environments [VERSION …]``.

Each LiteLLM release that serves as an oracle has a lock file beside this module and gets a virtual environment of its
own under ``target/oracle/<version>/``. The lock is complete, so pip resolves nothing (``--no-deps``): what is installed
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
VERSIONS = (CHAT_ORACLE, OCR_ORACLE)

_HERE = Path(__file__).resolve().parent
REPOSITORY = _HERE.parent.parent


def lock_file(version: str) -> Path:
    """The pinned requirements of one oracle."""
    return _HERE / f"oracle-{version}.lock"


def environment_dir(version: str) -> Path:
    """Where the environment of one oracle lives; ``INTERLINGUA_ORACLE_DIR`` moves all of them."""
    root = os.environ.get("INTERLINGUA_ORACLE_DIR")
    return (Path(root) if root else REPOSITORY / "target" / "oracle") / version


def environment_python(version: str) -> Path:
    """The interpreter of one oracle's environment, whether or not it exists yet."""
    return environment_dir(version) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_ready(version: str) -> bool:
    """Whether the environment was completed from the lock file as it is now."""
    marker = environment_dir(version) / "installed-lock.sha256"
    return marker.is_file() and marker.read_text().strip() == _lock_digest(version)


def ensure(version: str) -> Path:
    """Creates the environment unless it is ready; returns its interpreter."""
    if not is_ready(version):
        _create(version)
    return environment_python(version)


def _lock_digest(version: str) -> str:
    return hashlib.sha256(lock_file(version).read_bytes()).hexdigest()


def _create(version: str) -> None:
    where = environment_dir(version)
    total = sum(1 for line in lock_file(version).read_text().splitlines() if "==" in line)
    started = time.monotonic()
    _say(f"oracle {version}: creating its environment ({total} packages, once)")
    venv.EnvBuilder(with_pip=True, clear=True).create(where)
    _install(version, total, started)
    # Without .pyc files every start of a worker would compile 3,000 modules again.
    compile_all = [str(environment_python(version)), "-m", "compileall", "-q", "-j", "0", str(where)]
    subprocess.run(compile_all, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (where / "installed-lock.sha256").write_text(_lock_digest(version) + "\n")
    _say(f"oracle {version}: ready after {time.monotonic() - started:.0f} s")


def _install(version: str, total: int, started: float) -> None:
    command = [str(environment_python(version)), "-m", "pip", "install", "--no-deps", "--no-input", "--no-compile"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r", str(lock_file(version))]
    collected, tail = 0, ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            tail = (tail + line)[-4000:]
            if line.startswith("Collecting "):
                collected += 1
                elapsed = time.monotonic() - started
                _say(f"oracle {version}: {collected}/{total} packages, {elapsed:.0f} s", same_line=True)
            elif line.startswith("Installing collected"):
                _say(f"oracle {version}: all {total} packages fetched, installing", same_line=True)
    _say("")
    if pip.returncode != 0:
        raise SystemExit(f"oracle {version}: pip failed with {pip.returncode}:\n{tail}")


def _say(text: str, *, same_line: bool = False) -> None:
    """Progress on stderr: rewritten in place on a terminal, one line in ten in a log."""
    if same_line and sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
    elif text and (not same_line or "0/" in text or "installing" in text):
        print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Makes sure that the environments of the named versions (default: all) exist."""
    for version in sys.argv[1:] or VERSIONS:
        if version not in VERSIONS:
            raise SystemExit(f"unknown oracle version {version}; known: {', '.join(VERSIONS)}")
        print(ensure(version))


if __name__ == "__main__":
    main()
