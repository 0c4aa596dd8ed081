"""The README's examples run, and say what the crate's documentation says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found is not None, language
    return found[1]


def test_the_python_example_runs() -> None:
    source = block("python")
    assert len(source.splitlines()) <= 12
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "README.md", "exec"), {})
    printed = out.getvalue()
    assert printed.startswith("https://api.anthropic.com/v1/messages (200, ")
    assert '"content":"Hello!"' in printed
    assert "8" in printed


def test_the_rust_example_is_the_crates_doctest() -> None:
    lines = (ROOT / "core" / "src" / "lib.rs").read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("//!").removeprefix(" ") for line in lines if line.startswith("//!")]
    start = comments.index("```", comments.index("# The loop"))
    doctest = comments[start + 1 : comments.index("```", start + 1)]
    example = block("rust").splitlines()
    assert len(example) <= 20
    assert example == [line for line in doctest if not re.match(r"# |use |\s*assert|$", line)]


def test_every_page_that_is_linked_exists() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
