"""The command ``interlingua``: ``serve``, ``doctor``, ``switch``, ``record``, ``replay``, ``demo`` and more."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import interlingua
from interlingua import litellm_options, litellm_plugin, switch_cli
from interlingua.cases import commands as commands_of_cases


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interlingua", description="One exact translation between every LLM API.")
    parser.add_argument("--version", action="version", version=f"interlingua {interlingua.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_serve(commands.add_parser("serve", help="run the gateway on a LiteLLM config.yaml"))

    doctor = commands.add_parser("doctor", help="say what a LiteLLM config.yaml means here, and what is wrong with it")
    doctor.add_argument("-c", "--config", required=True, type=Path, help="the config.yaml")
    doctor.add_argument("--json", action="store_true", help="the same for machines")

    commands_of_cases.add_record(commands.add_parser("record", help="write exchanges as cases"))

    commands.add_parser("shadow-plugin", help="print the path of the plug-in for a LiteLLM that runs elsewhere")

    replay = commands.add_parser("replay", help="run an upstream that answers from the fixtures, without keys")
    replay.add_argument("--fixtures", type=Path, help="folder of cases (default: the packaged ones)")
    replay.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    replay.add_argument("--port", default=4010, type=int, help="port to listen on, 0 for a free one (default: 4010)")

    switch_cli.add_to(commands.add_parser("switch", help="see and set the switches of a gateway that runs"))

    demo = commands.add_parser("demo", help="gateway and replay upstream together, used by the official SDKs")
    demo.add_argument("--serve", action="store_true", help="keep both running, and print curl lines to try")
    demo.add_argument("--port", default=0, type=int, help="port of the gateway, 0 for a free one (default: 0)")
    demo.add_argument("--fixtures", type=Path, help="folder of cases (default: the packaged ones)")

    commands_of_cases.add_parity(
        commands.add_parser("parity", help="replay cases, and account for every difference to LiteLLM")
    )
    return parser


def _add_serve(serve: argparse.ArgumentParser) -> None:
    """Options that LiteLLM has as well are spelt as it does, and read the same environment variables."""
    serve.add_argument("-c", "--config", required=True, type=Path, help="the config.yaml")
    serve.add_argument(
        "--host", default=os.environ.get("HOST", "127.0.0.1"), help="address to listen on (HOST, default: 127.0.0.1)"
    )
    serve.add_argument(
        "--port",
        default=os.environ.get("PORT", "4000"),
        type=int,
        help="port to listen on, 0 for a free one (PORT, default: 4000)",
    )
    serve.add_argument(
        "--server",
        choices=("lean", "uvicorn"),
        default="lean",
        help="the gateway's own HTTP server, or uvicorn (default: lean)",
    )
    serve.add_argument(
        "--workers",
        "--num_workers",
        default=os.environ.get("NUM_WORKERS", "1"),
        type=_count,
        help="processes that share the port (NUM_WORKERS, default: 1)",
    )
    serve.add_argument(
        "--request_timeout", "--request-timeout", type=_seconds, help="seconds that a request may take at most"
    )
    serve.add_argument(
        "--drop_params", "--drop-params", action="store_true", help="drop parameters that a provider does not take"
    )
    commands_of_cases.add_recording(serve)
    serve.add_argument("--worker", help=argparse.SUPPRESS)  # a supervisor's word to its worker
    serve.add_argument("--no-access-log", action="store_true", help="no log line for each request")
    serve.add_argument("--check", action="store_true", help="only say what the config means, and end")
    litellm_options.add_foreign(serve)


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 256:
        raise argparse.ArgumentTypeError("must be between 1 and 256")
    return count


def _seconds(text: str) -> int:
    seconds = int(text)
    if not 0 < seconds < 1_000_000:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0")
    return seconds


def _serve(options: argparse.Namespace) -> int:
    from interlingua.gateway.application import create_app
    from interlingua.gateway.config import ConfigError, load_config
    from interlingua.gateway.logs import Log
    from interlingua.gateway.serving import ServeError, url_of
    from interlingua.gateway.store import StoreError
    from interlingua.gateway.switches import SwitchError

    try:
        config = load_config(options.config, overrides=litellm_options.overrides(options))
        config = litellm_options.for_child(config, litellm_options.given(options))
        # A worker that is started again must serve, whatever has become of the store since.
        strict = options.worker is None
        log = Log(access=not options.no_access_log)
        app = create_app(config, log=log, recorder=commands_of_cases.recorder(options), strict=strict)
        if options.check:
            app.announce()
            return 0
        if options.worker is not None:
            from interlingua.gateway.workers import run_worker

            run_worker(app, options.worker, shutdown_seconds=app.config.migration.shutdown_seconds)
            return 0
        listeners = _listeners(options)
    except (ConfigError, SwitchError, StoreError, ServeError) as error:
        print(f"interlingua: {error}", file=sys.stderr)
        return 2
    app.listens_at(url_of(listeners[0]))
    if len(listeners) > 1:
        from interlingua.gateway.workers import supervise

        supervise(app, listeners, _worker_arguments(options))
        return 0
    if options.server == "lean":
        from interlingua.gateway.server import run
    else:
        from interlingua.gateway.on_uvicorn import run
    run(app, listeners[0], shutdown_seconds=app.config.migration.shutdown_seconds)
    return 0


def _listeners(options: argparse.Namespace) -> list[socket.socket]:
    from interlingua.gateway.serving import ServeError, bind

    if options.workers == 1:
        return [bind(options.host, options.port)]
    if options.server != "lean":
        raise ServeError("--workers needs the lean server; start uvicorn itself for several processes of it")
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ServeError("--workers needs SO_REUSEPORT, which this system does not have")
    first = bind(options.host, options.port, shared=True)
    port = first.getsockname()[1]
    return [first, *(bind(options.host, port, shared=True) for _ in range(options.workers - 1))]


def _worker_arguments(options: argparse.Namespace) -> list[str]:
    arguments = ["serve", "--config", str(options.config), *litellm_options.given(options)]
    arguments += commands_of_cases.recording_arguments(options)
    return [*arguments, "--no-access-log"] if options.no_access_log else arguments


def _doctor(options: argparse.Namespace) -> int:
    from interlingua.gateway.config import ConfigError
    from interlingua.gateway.doctor import as_json, diagnose, failure_as_json
    from interlingua.gateway.doctor_text import as_text, wants_colour
    from interlingua.gateway.store import StoreError
    from interlingua.gateway.switches import SwitchError

    try:
        report = diagnose(options.config)
    except (ConfigError, SwitchError, StoreError) as error:
        if options.json:
            print(json.dumps(failure_as_json(options.config, error), indent=2))
        else:
            print(f"interlingua: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(as_json(report), indent=2))
    else:
        print(as_text(report, colour=wants_colour(os.environ, is_terminal=sys.stdout.isatty())), end="")
    return 1 if report.needs_attention else 0


def _shadow_plugin(options: argparse.Namespace) -> int:
    print(litellm_plugin.__file__)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from interlingua.gateway.server import run
    from interlingua.gateway.serving import ServeError, bind
    from interlingua.replay.upstream import ReplayUpstream, default_fixtures

    try:
        app = ReplayUpstream(options.fixtures or default_fixtures())
        listener = bind(options.host, options.port)
    except (ServeError, NotADirectoryError) as error:
        print(f"interlingua: {error}", file=sys.stderr)
        return 2
    run(app, listener, shutdown_seconds=2)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from interlingua.demo import run

    return run(keep=options.serve, port=options.port, fixtures=options.fixtures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    commands = {
        "serve": _serve,
        "doctor": _doctor,
        "switch": switch_cli.run,
        "record": commands_of_cases.run_record,
        "parity": commands_of_cases.run_parity,
        "shadow-plugin": _shadow_plugin,
        "replay": _replay,
        "demo": _demo,
    }
    try:
        return commands[options.command](options)
    except ModuleNotFoundError as error:
        if error.name in ("uvicorn", "httptools", "yaml", "websockets"):
            extra = "gateway" if error.name == "yaml" else "uvicorn"
            print(
                f"interlingua: this needs more packages: pip install 'interlingua[{extra}]' ({error.name} is missing)",
                file=sys.stderr,
            )
            return 2
        raise


if __name__ == "__main__":
    raise SystemExit(main())
