"""Executes a guide: a Markdown file whose commands are run as they stand.

``yaml`` blocks that begin with ``# NAME.yaml`` are written as that file. ``sh`` blocks are run one after another in one
shell. A ``text`` block is what the block before it has to print, with ``…`` for what differs from time to time.
Comments ``<!-- check: NAME -->`` call what the caller knows under that name.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_STEP = re.compile(
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$|^<!-- check: (?P<check>[^>]+?) -->$", re.DOTALL | re.MULTILINE
)
_FILE = re.compile(r"# (?P<name>[\w.-]+\.yaml)\n")
_ENDED = "·ended·"


@dataclass(frozen=True)
class Step:
    """A block of the guide, or the name of a check."""

    kind: str
    text: str


def steps(markdown: str) -> Iterator[Step]:
    for match in _STEP.finditer(markdown):
        if match["check"]:
            yield Step("check", match["check"])
        elif match["language"] in ("sh", "text", "yaml"):
            yield Step(match["language"], match["text"])


def fits(expected: str, printed: str) -> bool:
    """Whether the lines were printed; ``…`` stands for anything, a line of it for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ \t]*\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, printed if printed.endswith("\n") else printed + "\n") is not None


class Shell:
    """One shell for all blocks, so that variables and background commands stay."""

    def __init__(self, folder: Path, environment: Mapping[str, str], seconds: float) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, commands: str) -> tuple[int, str]:
        """The exit status of the last command, and what all of them printed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{commands}\nprintf '\\n%s %s\\n' '{_ENDED}' $?\n".encode())
        self._process.stdin.flush()
        late = threading.Timer(self._seconds, self._process.kill)
        late.start()
        printed = ""
        try:
            for line in iter(self._process.stdout.readline, b""):
                text = line.decode("utf-8", "replace")
                if text.startswith(_ENDED):
                    return int(text.split()[1]), printed.removesuffix("\n")
                printed += text
        finally:
            late.cancel()
        raise AssertionError(f"the shell ended in\n{commands}\nafter\n{printed}")

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Background commands are the shell's jobs: they end with it.
        if self._process.poll() is None and self._process.stdin is not None:
            self._process.stdin.write(b"kill $(jobs -p) 2>/dev/null; wait\nexit\n")
            self._process.stdin.close()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def execute(
    guide: Path,
    shell: Shell,
    folder: Path,
    checks: Mapping[str, Callable[[], None]],
    replaced: Mapping[str, str],
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a guide in ``folder``, with ``replaced`` texts for what is not the same on every machine, such as ports."""
    printed = ""
    for step in steps(guide.read_text(encoding="utf-8")):
        text = step.text
        for before, after in replaced.items():
            text = text.replace(before, after)
        if step.kind == "check":
            told(f"check: {text}")
            checks[text]()
        elif step.kind == "yaml":
            named = _FILE.match(text)
            if named is not None:
                (folder / named["name"]).write_text(text, encoding="utf-8")
        elif step.kind == "sh":
            told(text)
            status, printed = shell.run(text)
            told(printed)
            assert status == 0, f"{text}\nended with {status} and printed\n{printed}"
        else:
            assert fits(text, printed), f"printed\n{printed}\nwhere the guide says\n{text}"
