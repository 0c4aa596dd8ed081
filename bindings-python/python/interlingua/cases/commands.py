"""The command line of cases: ``record``, ``parity``, and what ``serve`` records. Imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from interlingua import difference_cli

if TYPE_CHECKING:
    from interlingua.cases.recorder import Recorder


def add_record(record: argparse.ArgumentParser) -> None:
    sources = record.add_subparsers(dest="source", required=True, metavar="SOURCE")
    difference_cli.add_arguments(sources.add_parser("difference", help="a difference that shadow has found"))
    imported = sources.add_parser("import", help="recordings of other tools: VCR cassettes (YAML, JSON), HAR files")
    imported.add_argument("files", nargs="+", type=Path, metavar="FILE")
    imported.add_argument("--to", required=True, type=Path, metavar="DIR", help="folder of cases to write them to")


def run_record(options: argparse.Namespace) -> int:
    if options.source == "difference":
        return difference_cli.run(options)
    from interlingua.cases.importing import import_files

    return import_files(options.files, options.to, sys.stdout)


def add_parity(parity: argparse.ArgumentParser) -> None:
    parity.add_argument("--cases", required=True, type=Path, metavar="DIR", help="folder of cases, or a case")
    parity.add_argument("--html", type=Path, metavar="FILE", help="write a report with both sides of each difference")
    parity.add_argument("--json", type=Path, metavar="FILE", help="write every verdict")


def run_parity(options: argparse.Namespace) -> int:
    from interlingua.cases.parity import run

    return run(options.cases, html=options.html, json_file=options.json)


def add_recording(serve: argparse.ArgumentParser) -> None:
    """Options of ``serve``."""
    serve.add_argument(
        "--record", type=Path, metavar="DIR", help="write exchanges that the core serves as cases into DIR, redacted"
    )
    serve.add_argument(
        "--record-sample", default=0.01, type=_share, metavar="N", help="of how many of them (default: %(default)s)"
    )
    serve.add_argument(
        "--record-cases", default=10_000, type=_positive, metavar="N", help="at most so many (default: %(default)s)"
    )
    serve.add_argument(
        "--record-mb", default=1024, type=_positive, metavar="N", help="at most so many MB (default: %(default)s)"
    )


def recorder(options: argparse.Namespace) -> Recorder | None:
    """What records in this process: the workers, not their supervisor. Raises ``ServeError`` if it cannot."""
    if options.record is None:
        return None
    _check_writable(options.record)
    if options.check or (options.workers > 1 and options.worker is None):
        return None
    from interlingua.cases.recorder import Limits, Recorder

    limits = Limits(options.record_sample, options.record_cases, options.record_mb * 1024 * 1024)
    return Recorder(options.record, limits)


def _check_writable(directory: Path) -> None:
    from interlingua.gateway.serving import ServeError

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ServeError(f"cannot record into {directory} ({why}); choose another folder for --record") from None


def recording_arguments(options: argparse.Namespace) -> list[str]:
    """The options for each of several workers, which count for themselves."""
    if options.record is None:
        return []
    return [
        *("--record", str(options.record), "--record-sample", str(options.record_sample)),
        *("--record-cases", str(max(options.record_cases // options.workers, 1))),
        *("--record-mb", str(max(options.record_mb // options.workers, 1))),
    ]


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return share


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
