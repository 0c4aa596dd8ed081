"""The oracle worker (``python -m recorder.worker``): JSON lines in, JSON lines out.

Runs with the Python of an oracle environment; README.md holds the protocol.
"""

import asyncio
import faulthandler
import json
import os
import signal
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import IO, Any

from recorder import pins

CASE_SECONDS = 20.0
_HARD_LIMIT_SECONDS = 40


class Worker:
    """Answers the operations of the protocol, one after the other."""

    def __init__(self, output: IO[str]) -> None:
        from recorder.proxy import Proxy
        from recorder.wire import Wire

        self._output = output
        self._wire = Wire()
        self._wire.install()
        self._proxy = Proxy(self._wire)

    def announce(self) -> None:
        """Says which LiteLLM this is: the worker is ready."""
        self._write({"ready": True, "litellm": version("litellm")})

    async def serve(self, lines: IO[str]) -> None:
        """Until the input ends."""
        for line in lines:
            if line.strip():
                self._write(await self._handle(line))
                await _let_background_tasks_finish()

    async def _handle(self, line: str) -> dict[str, Any]:
        try:
            case = json.loads(line)
            identity = case["id"]
        except (ValueError, KeyError, TypeError) as error:
            return {"id": None, "fault": f"not a case: {error}"}
        self._arm(identity)
        try:
            result = await asyncio.wait_for(self._run(case), CASE_SECONDS)
        except TimeoutError:
            result = {"fault": "timeout"}
        except Exception as error:  # noqa: BLE001 - a fault of one case must not end the worker
            result = {"fault": f"{type(error).__name__}: {error}"}
        finally:
            signal.alarm(0)
        return {"id": identity, **result}

    async def _run(self, case: Mapping[str, Any]) -> dict[str, Any]:
        from recorder.providers import Deployment
        from recorder.sdk import provider_request

        pins.reset()
        headers = case.get("headers") or ()
        deployment = Deployment(
            case["provider"],
            case["model"],
            case.get("api_base"),
            bool(case.get("drop_params")),
            case["route"],
            case.get("requested_model"),
            json.dumps(case.get("settings") or {}),
        )
        if case["op"] == "request":
            return await provider_request(self._wire, case["route"], deployment, case["body"], headers)
        if case["op"] == "answer":
            given = {**case["answer"], "chunk": case.get("chunk") or case["answer"].get("chunk") or 0}
            return await self._proxy.answer(case["route"], deployment, case["body"], headers, given)
        raise ValueError(f"unknown op {case['op']}")

    def _arm(self, identity: object) -> None:
        """A case that blocks the event loop cannot be cancelled: say so and end, the caller starts another worker."""

        def give_up(*_: object) -> None:
            self._write({"id": identity, "fault": "timeout: the worker ends"})
            os._exit(3)

        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(_HARD_LIMIT_SECONDS)

    def _write(self, message: Mapping[str, Any]) -> None:
        self._output.write(json.dumps(message, ensure_ascii=True, separators=(",", ":")) + "\n")
        self._output.flush()


async def _let_background_tasks_finish() -> None:
    """LiteLLM logs in tasks that outlive the call; they must not run into the next case."""
    for _ in range(3):
        await asyncio.sleep(0)


def _fix_hash_seed() -> None:
    """Starts the process anew with a fixed hash seed: the order of some answers' fields comes from a set in LiteLLM."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "recorder.worker"])


def _claim_stdout() -> IO[str]:
    """LiteLLM prints: its prints are dropped (``INTERLINGUA_ORACLE_LOG=1``: to stderr), the protocol keeps the pipe."""
    protocol = os.fdopen(os.dup(1), "w", encoding="utf-8")
    verbose = os.environ.get("INTERLINGUA_ORACLE_LOG") == "1"
    target = 2 if verbose else os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, 1)
    if not verbose:
        import logging
        import warnings

        # LiteLLM logs whole requests with its errors; nobody may find a prompt in a log of ours.
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
    return protocol


def _prepare_litellm() -> None:
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.num_retries = 0
    # Token counting for open models would fetch their tokenizers.
    litellm.disable_hf_tokenizer_download = True


def main() -> None:
    """Serves the protocol on stdin and stdout."""
    _fix_hash_seed()
    faulthandler.enable()
    output = _claim_stdout()
    pins.install()
    _prepare_litellm()
    worker = Worker(output)
    worker.announce()
    asyncio.run(worker.serve(sys.stdin))


if __name__ == "__main__":
    main()
