"""LiteLLM's command line: which of its options ``interlingua serve`` takes, and what to do instead of the others."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from interlingua.gateway.config import Config

_MODEL: Final = "write it into the config's model_list"
_DEFAULT: Final = "set it in the litellm_params of each deployment"
_TLS: Final = "there is no TLS on the clients' side: put a proxy that has it in front"
_LOG: Final = "leave it out: one line of JSON is logged for each request, never its content"
_SERVER: Final = "leave it out, or choose with --server lean or --server uvicorn"
_DATABASE: Final = "run it with litellm: the database is LiteLLM's"
_FIXED: Final = "leave it out; docs/configuration.md has the limits of the server"

FOREIGN: Final = {
    "-m": _MODEL,
    "--model": _MODEL,
    "--alias": "write it into router_settings.model_group_alias",
    "--add_key": "set the environment variable, or api_key in the config",
    "--api_base": "set api_base in the litellm_params of the deployment",
    "--api_version": _DEFAULT,
    "--headers": "set extra_headers in the litellm_params of each deployment",
    "--temperature": _DEFAULT,
    "--max_tokens": _DEFAULT,
    "--add_function_to_prompt": "set litellm_settings.add_function_to_prompt, and LiteLLM serves what needs it",
    "--max_budget": "set litellm_settings.max_budget: LiteLLM keeps budgets, and serves what has one",
    "--debug": _LOG,
    "--detailed_debug": _LOG,
    "--log_config": _LOG,
    "--save": "keep the config in a file",
    "--use_queue": "leave it out",
    "--local": "leave it out",
    "--telemetry": "leave it out: there is none",
    "-v": "use interlingua --version",
    "--version": "use interlingua --version",
    "--health": "use interlingua doctor for the config, GET /health/readiness for a gateway that runs",
    "--test": "use interlingua doctor for the config, and a client for a gateway that runs",
    "--test_async": "use a client",
    "--num_requests": "use a client",
    "--validate_config": "use interlingua doctor --config FILE",
    "--setup": "write a config.yaml, and use interlingua doctor",
    "--run_gunicorn": _SERVER,
    "--run_hypercorn": _SERVER,
    "--run_granian": _SERVER,
    "--granian_threads": _SERVER,
    "--ssl_keyfile_path": _TLS,
    "--ssl_certfile_path": _TLS,
    "--ciphers": _TLS,
    "--keepalive_timeout": _FIXED,
    "--timeout_worker_healthcheck": _FIXED,
    "--limit_concurrency": _FIXED,
    "--max_requests_before_restart": "leave it out: workers need no restart",
    "--max_requests_before_restart_jitter": "leave it out: workers need no restart",
    "--skip_server_startup": "use --check",
    "--check_migrations_against_existing_data": _DATABASE,
    "--use_prisma_db_push": _DATABASE,
    "--use_legacy_migration_resolver": _DATABASE,
    "--use_v2_migration_resolver": _DATABASE,
    "--enforce_prisma_migration_check": _DATABASE,
    "--iam_token_db_auth": _DATABASE,
    "--azure_postgresql_auth": _DATABASE,
    "--reload": "leave it out; start the gateway again after a change",
    "--prometheus_metrics_port": "leave it out: GET /metrics is on the same port",
}
"""Options of ``litellm`` that mean nothing here, and what to do about each."""


class _Foreign(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, _: Any, __: Any, option_string: str | None = None) -> NoReturn:
        option = option_string or self.option_strings[0]
        parser.error(f"{option} is an option of litellm that this command does not have: {FOREIGN[option]}")


def add_foreign(parser: argparse.ArgumentParser) -> None:
    """Make ``parser`` say what to do instead of options that it does not have."""
    for option in FOREIGN:
        parser.add_argument(option, action=_Foreign, nargs="?", dest="foreign", help=argparse.SUPPRESS)


def overrides(options: argparse.Namespace) -> dict[str, dict[str, object]]:
    """What the command line sets in sections of the config."""
    found: dict[str, dict[str, object]] = {}
    if options.request_timeout is not None:
        found["router_settings"] = {"timeout": options.request_timeout}
    if options.drop_params:
        found["litellm_settings"] = {"drop_params": True}
    return found


def given(options: argparse.Namespace) -> list[str]:
    """The options that other processes need to be told as well."""
    timeout = options.request_timeout
    arguments = [] if timeout is None else ["--request_timeout", str(timeout)]
    return [*arguments, "--drop_params"] if options.drop_params else arguments


def for_child(config: Config, arguments: Sequence[str]) -> Config:
    """The config with these arguments for the LiteLLM that the gateway starts, if it starts one."""
    python = config.migration.python
    if not arguments or python.url is not None:
        return config
    told = replace(python, arguments=tuple(arguments))
    return replace(config, migration=replace(config.migration, python=told))
