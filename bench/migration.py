"""What the migration costs: relaying to LiteLLM, shadow, and hand-overs that come faster than they can be compared.

Each mode has a gateway of its own, which is started for its round and ended after it: they take turns at one port,
where the LiteLLM behind them hands over to.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interlingua.gateway.engine_python import PLUGIN
from interlingua.gateway.handovers import PATH
from interlingua.gateway.shadow import OUTCOMES
from interlingua.litellm_plugin import TOKEN_VARIABLE, URL_VARIABLE

from bench import gateway, overload, servers
from bench.gateway import Kind
from bench.load import Load, Run, loading
from bench.overload import Overload

LITELLM, STAND_IN = "LiteLLM", "a stand-in for LiteLLM that answers at once"
SECONDS = {LITELLM: 1.2, STAND_IN: 0.5}
WARM_UP_SECONDS = 0.2
JUDGED_SECONDS = 5.0

CHATS = Kind("chats of 1 KB, 25 a second", rhythm="paced", connections=4, rate=25)
STREAMS = Kind("streams of 10 deltas, 15 a second", "bench-short", stream=True, rhythm="paced", connections=4, rate=15)
ONE_CLIENT = Kind("chats of 1 KB, one after the other", connections=1)
FAST_CHATS = Kind("chats of 1 KB, 200 a second", rhythm="paced", connections=4, rate=200)
FAST_STREAMS = Kind(
    "streams of 10 deltas, 200 a second", "bench-short", stream=True, rhythm="paced", connections=4, rate=200
)
KINDS = {LITELLM: (CHATS, STREAMS), STAND_IN: (ONE_CLIENT, FAST_CHATS, FAST_STREAMS)}

MIGRATION = """\
migration:
  allow_ungated: true
  switches: {{"*": {mode}}}
  shadow: {{sample: {sample}}}
  python: {{url: "{url}"}}
"""


@dataclass(frozen=True)
class Mode:
    """How the switches stand."""

    name: str
    mode: str
    sample: float = 0.05


DIRECT = "no gateway"
RELAYED = Mode("relayed (`python`)", "python")
SHADOWED = Mode("`shadow`, 5 % sampled", "shadow")
ALL_SHADOWED = Mode("`shadow`, all sampled", "shadow", 1)
CORE = Mode("served by the core (`rust`)", "rust")
MODES = {LITELLM: (RELAYED, SHADOWED, ALL_SHADOWED, CORE), STAND_IN: (RELAYED, CORE)}


@dataclass(frozen=True)
class Cost:
    """One mode under one load. Latencies are medians of the rounds where nothing else is said."""

    behind: str
    load: str
    mode: str
    p50_us: float
    rounds_us: Sequence[float]
    """The p50 of each round."""
    lowest_us: float
    """The lowest p50 of the rounds: other work on the machine can only add to it."""
    highest_us: float
    p99_us: float
    cpu_us: float
    peak_mib: float
    requests: int
    errors: int


@dataclass(frozen=True)
class Costs:
    """Everything that was measured."""

    costs: Sequence[Cost] = ()
    shadow: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """What came of hand-overs, by mode."""
    overload: Overload | None = None

    def of(self, behind: str, kind: Kind, mode: str) -> Cost | None:
        wanted = (behind, kind.name, mode)
        return next((one for one in self.costs if (one.behind, one.load, one.mode) == wanted), None)

    def added_us(self, behind: str, kind: Kind, mode: str, than: str) -> float | None:
        """How much later than in another mode answers come."""
        one, other = self.of(behind, kind, mode), self.of(behind, kind, than)
        return None if one is None or other is None else one.lowest_us - other.lowest_us

    def added_share(self, behind: str, kind: Kind, mode: str, than: str) -> float | None:
        """The same as a part of that mode's time: the median of what the rounds say, each for itself, for LiteLLM takes
        more or less from round to round than what is looked for here."""
        one, other = self.of(behind, kind, mode), self.of(behind, kind, than)
        if one is None or other is None:
            return None
        return statistics.median(a / b - 1 for a, b in zip(one.rounds_us, other.rounds_us, strict=True))


def summed(behind: str, kind: Kind, mode: str, runs: Sequence[Run], peak_mib: float) -> Cost:
    """The rounds of one mode as one row."""

    def middle(of: Callable[[Run], float]) -> float:
        return statistics.median(of(one) for one in runs)

    return Cost(
        behind=behind,
        load=kind.name,
        mode=mode,
        p50_us=middle(lambda one: one.p50_us),
        rounds_us=[one.p50_us for one in runs],
        lowest_us=min(one.p50_us for one in runs),
        highest_us=max(one.p50_us for one in runs),
        p99_us=middle(lambda one: one.p99_us),
        cpu_us=middle(lambda one: one.cpu_us),
        peak_mib=peak_mib,
        requests=sum(one.requests for one in runs),
        errors=sum(one.errors for one in runs),
    )


def shadow_counts(metrics: str) -> dict[str, int]:
    """What ``/metrics`` says of shadowed requests, all pairs together."""
    found = dict.fromkeys(OUTCOMES, 0)
    for outcome, count in re.findall(r"^interlingua_shadow_(\w+)_total\{[^}]*\} (\d+)$", metrics, re.MULTILINE):
        if outcome in found:
            found[outcome] += int(count)
    return found


def judged(counts: Mapping[str, int]) -> bool:
    """Nothing that was sampled is still on its way."""
    return sum(counts[one] for one in ("compared", "declined", "dropped", "failed")) >= counts["sampled"]


def told(port: int) -> dict[str, int]:
    """The counts of a gateway that runs."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        return shadow_counts(connection.getresponse().read().decode())
    finally:
        connection.close()


def _settled(port: int) -> dict[str, int]:
    deadline = time.monotonic() + JUDGED_SECONDS
    while not judged(counts := told(port)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return counts


def rotated(modes: Sequence[Mode | None], number: int) -> list[Mode | None]:
    """What comes first in a round is not what comes first in the next: nobody always follows the same one."""
    first = number % len(modes)
    return [*modes[first:], *modes[:first]]


class Bench:
    """One load generator, one folder, and one port at which gateways take turns."""

    def __init__(self, load: Load, inputs: Path, folder: Path, port: int, token: str) -> None:
        self.load, self.port = load, port
        self._folder, self._token = folder, token
        self._runs: dict[tuple[str, str, str], list[Run]] = {}
        self._peaks: dict[tuple[str, str], float] = {}
        kinds = (*KINDS[LITELLM], *KINDS[STAND_IN])
        self._bodies = {kind: gateway.body(kind, inputs, folder) for kind in kinds}
        self.shadow: dict[str, dict[str, int]] = {}

    def gateway(self, mode: Mode, url: str) -> contextlib.AbstractContextManager[servers.Server]:
        """A gateway in front of a LiteLLM, or of what stands for one."""
        config = self._folder / f"{mode.mode}-{mode.sample}.yaml"
        migration = MIGRATION.format(mode=mode.mode, sample=mode.sample, url=url)
        config.write_text(servers.config(self.load.upstream) + migration)
        command = [sys.executable, "-m", "interlingua", "serve", "--config", str(config), "--port", str(self.port)]
        env = {TOKEN_VARIABLE: self._token}
        return servers.running(mode.name, [*command, "--no-access-log"], self.port, env, translates=True)

    def run(self, server: servers.Server | None, kind: Kind, seconds: float) -> Run:
        return gateway.run(self.load, server, kind, self._bodies[kind], seconds)

    def round(self, number: int, behind: str, url: str, direct: servers.Server | None) -> None:
        """Every mode once, another one first in each round."""
        for mode in rotated((None, *MODES[behind]), number):
            if mode is None:
                self._loads(behind, DIRECT, direct)
            else:
                with self.gateway(mode, url) as server:
                    self._loads(behind, mode.name, server)
                    self._note(behind, mode, server)

    def _note(self, behind: str, mode: Mode, server: servers.Server) -> None:
        """Keep what the gateway knows before it ends."""
        if mode.mode == "shadow":
            counts, known = _settled(self.port), self.shadow.setdefault(mode.name, dict.fromkeys(OUTCOMES, 0))
            known.update({outcome: known[outcome] + counts[outcome] for outcome in known})
        peak = server.peak_mebibytes()
        self._peaks[behind, mode.name] = max(peak, self._peaks.get((behind, mode.name), 0))

    def _loads(self, behind: str, mode: str, server: servers.Server | None) -> None:
        for kind in KINDS[behind]:
            self.run(server, kind, WARM_UP_SECONDS)
            self._runs.setdefault((behind, kind.name, mode), []).append(self.run(server, kind, SECONDS[behind]))

    def costs(self) -> list[Cost]:
        found = []
        for behind, kinds in KINDS.items():
            for kind in kinds:
                for mode in (DIRECT, *(one.name for one in MODES[behind])):
                    runs, peak = self._runs[behind, kind.name, mode], self._peaks.get((behind, mode), 0)
                    found.append(summed(behind, kind, mode, runs, peak))
        return found


def _say(costs: Costs) -> None:
    for one in costs.costs:
        print(f"  {one.load:<38}{one.mode:<30}{one.p50_us:>9,.0f} µs"
              f" ({one.lowest_us:,.0f} … {one.highest_us:,.0f}) {one.p99_us:>9,.0f} µs {one.cpu_us:>7,.0f} µs CPU"
              f" {one.peak_mib:>5,.0f} MiB  {one.errors} errors", file=sys.stderr, flush=True)  # fmt: skip
    for mode, counts in costs.shadow.items():
        print(f"  {mode}: {counts}", file=sys.stderr, flush=True)
    print(f"  {costs.overload}", file=sys.stderr, flush=True)


def measure(binaries: Path, inputs: Path, oracle: Path, *, rounds: int) -> Costs:
    """Modes in turns: what else the machine does hits all of them."""
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="interlingua-bench-") as name, loading(binaries / "load") as load:
        folder = Path(name)
        bench = Bench(load, inputs, folder, servers.free_port(), token)
        stand_in = f"http://127.0.0.1:{load.upstream}{servers.MODELS['bench-short']}"
        env = {URL_VARIABLE: f"http://127.0.0.1:{bench.port}{PATH}", TOKEN_VARIABLE: token}
        with servers.handing_over(folder, load.upstream, oracle, PLUGIN, env) as litellm:
            handover = overload.caught(bench.port, litellm.port)
            for number in range(rounds):
                bench.round(number, LITELLM, f"http://127.0.0.1:{litellm.port}", litellm)
        for number in range(rounds):
            bench.round(number, STAND_IN, stand_in, None)
        with bench.gateway(SHADOWED, stand_in) as server:
            flooded = overload.measure(server, handover, lambda seconds: bench.run(server, FAST_CHATS, seconds), told)
        costs = Costs(bench.costs(), bench.shadow, flooded)
    _say(costs)
    return costs
