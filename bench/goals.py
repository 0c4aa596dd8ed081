"""What was to be reached, and what was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from interlingua.gateway.shadow import ShadowSettings

from bench import gateway, migration
from bench.bindings import Bindings
from bench.core import Translation
from bench.gateway import Kind, Result
from bench.migration import Costs

OURS, LITELLM, NGINX, DIRECT = "interlingua", "LiteLLM proxy", "nginx relay", gateway.DIRECT
SAME_DIALECT = {"chat_to_openai", "messages_to_anthropic", "responses_to_responses"}
"""Requests that are edited, not rebuilt."""


@dataclass(frozen=True)
class Goal:
    """One row."""

    text: str
    value: float | None
    limit: float
    unit: str
    at_most: bool = True
    remark: str = ""

    @property
    def reached(self) -> bool | None:
        if self.value is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@dataclass(frozen=True)
class Measured:
    """Everything that goals are about."""

    translations: Sequence[Translation]
    theirs: Mapping[str, Mapping[str, float]]
    results: Sequence[Result]
    bindings: Bindings
    migration: Costs

    def of(self, server: str, kind: Kind) -> Result | None:
        return next((one for one in self.results if (one.server, one.load) == (server, kind.name)), None)


def factors(measured: Measured) -> dict[str, float]:
    """How many times the core's fastest round goes into that of LiteLLM's transform."""
    ours = {f"{one.name}/{one.size}": one.best for one in measured.translations}
    return {name: figures["lowest"] / ours[name] for name, figures in measured.theirs.items() if name in ours}


def is_request(one: Translation) -> bool:
    return not one.name.startswith(("answer_", "delta_", "stream_", "error_")) and "_to_" in one.name


def _worst(
    text: str, limit: float, unit: str, chosen: Iterable[Translation], value: Callable[[Translation], float]
) -> Goal:
    found = max(chosen, key=value, default=None)
    remark = f"worst: {found.name.replace('_', ' ')}" if found else ""
    return Goal(text, value(found) if found else None, limit, unit, remark=remark)


def _core(measured: Measured) -> Iterator[Goal]:
    requests = [one for one in measured.translations if is_request(one)]
    cross = [one for one in requests if one.name not in SAME_DIALECT]
    edits = [one for one in requests if one.name in SAME_DIALECT]
    # Some inputs are eight deltas that arrive together: those have rows below.
    deltas = [one for one in measured.translations if one.name.startswith("delta_") and one.size != "eight"]
    large, small = {"60k"}, {"1k"}
    yield _worst("core: between dialects, 60 KB", 1.6, "R", (o for o in cross if o.size in large), lambda o: o.ratio)
    yield _worst(
        "core: between dialects, 1 KB", 1.5, "µs", (o for o in cross if o.size in small), lambda o: o.best / 1e3
    )
    yield _worst("core: edit lists, 60 KB", 1.15, "R", (o for o in edits if o.size in large), lambda o: o.ratio)
    yield _worst("core: a delta of a stream", 350, "ns", deltas, lambda o: o.best)
    per_byte = {one.size: one.ratio for one in cross if one.name == "chat_to_anthropic"}
    responses = [one for one in cross if "responses" in one.name and one.size in large & per_byte.keys()]
    yield _worst(
        "core: responses pairs against chat → anthropic, 60 KB, per byte",
        1.3,
        "times",
        responses,
        lambda o: o.ratio / per_byte[o.size],
    )
    times = factors(measured)
    for size, limit in (("1k", 50), ("60k", 12)):
        value = times.get(f"chat_to_anthropic/{size}")
        yield Goal(f"core: LiteLLM's transform, chat → anthropic, {size}", value, limit, "times", at_most=False)


def _bindings(measured: Measured) -> Iterator[Goal]:
    found = measured.bindings
    over = (found.round_trip_ns - found.in_rust_ns) / 1e3
    yield Goal("bindings: round trip from Python over that in Rust, 1 KB", over, 1.5, "µs")
    yield Goal("bindings: `import interlingua` over bare Python", found.import_ms, 30, "ms")
    yield Goal("bindings: the same, memory", found.import_mib, 8, "MiB")
    yield Goal(
        "bindings: wheel", found.wheel_mib, 3, "MiB", remark="" if found.wheel_mib else "not built: `make wheel`"
    )


def added(result: Result | None, direct: Result | None) -> tuple[float, float] | None:
    """Latency that a server adds to that of its upstream, p50 and p99 in µs, each the lowest of the rounds."""
    if result is None or direct is None:
        return None
    return result.quiet_p50_us - direct.quiet_p50_us, result.quiet_p99_us - direct.quiet_p99_us


def _gateway(measured: Measured) -> Iterator[Goal]:
    of, kinds = measured.of, gateway
    relayed, translated = of(OURS, kinds.RELAYED), of(OURS, kinds.TRANSLATED)
    paced, many = of(OURS, kinds.PACED_STREAMS), of(OURS, kinds.MANY_STREAMS)
    yield Goal("gateway: chat → openai, 1 KB", relayed.rate if relayed else None, 40_000, "req/s", at_most=False)
    peers = [
        one for one in measured.results if "(Rust)" in one.server and one.load == kinds.RELAYED.name and not one.errors
    ]
    fastest = max(peers, key=lambda one: one.rate, default=None)
    if fastest is not None and relayed is not None:
        share, remark = relayed.rate / fastest.rate, fastest.server
        yield Goal("gateway: ahead of the fastest Rust relay", share, 1, "times", at_most=False, remark=remark)
        share = fastest.cpu_us / relayed.cpu_us
        yield Goal("gateway: the same by processor time", share, 1, "times", at_most=False, remark=remark)
    yield Goal(
        "gateway: chat → anthropic, 1 KB", translated.rate if translated else None, 30_000, "req/s", at_most=False
    )
    nginx = of(NGINX, kinds.PACED_STREAMS)
    remark = f"nginx: {_ms(nginx)}" if nginx else ""
    yield Goal(
        "gateway: CPU of a paced stream of 100 deltas", paced.cpu_us / 1e3 if paced else None, 1.3, "ms", remark=remark
    )
    direct = of(DIRECT, kinds.UNHURRIED)
    ours, theirs = added(of(OURS, kinds.UNHURRIED), direct), added(of(NGINX, kinds.UNHURRIED), direct)
    if ours and theirs:
        remark = f"{ours[0]:.0f} µs, nginx {theirs[0]:.0f} µs"
        yield Goal(
            "gateway: added latency at 100 req/s, p50, of nginx's", ours[0] / theirs[0], 1.3, "times", remark=remark
        )
    yield Goal("gateway: the same, p99", ours[1] / 1e3 if ours else None, 0.6, "ms")
    yield Goal("gateway: peak memory at 50 connections", relayed.peak_mib if relayed else None, 45, "MiB")
    yield Goal("gateway: peak memory at 2,000 streams", many.peak_mib if many else None, 90, "MiB")


def against_rust(measured: Measured) -> Iterator[Goal]:
    """Beside the Rust gateways that were built: those that translate, as no relay does."""
    translate = {one.server for one in measured.results if one.load == gateway.TRANSLATED.name}

    def peers(kind: gateway.Kind) -> list[Result]:
        there = [one for one in measured.results if one.load == kind.name and not one.errors]
        return [one for one in there if "(Rust)" in one.server and one.server in translate]

    for kind in (gateway.RELAYED, gateway.TRANSLATED):
        ours, fastest = measured.of(OURS, kind), max(peers(kind), key=lambda one: one.rate, default=None)
        if ours and fastest:
            text = f"Rust gateways: requests, {kind.name}"
            yield Goal(text, ours.rate / fastest.rate, 1, "times", at_most=False, remark=fastest.server)
    kind = gateway.PACED_STREAMS
    ours, leanest = measured.of(OURS, kind), min(peers(kind), key=lambda one: one.cpu_us, default=None)
    if ours and leanest:
        text = "Rust gateways: CPU of a paced stream of 100 deltas"
        yield Goal(text, ours.cpu_us / leanest.cpu_us, 1, "times", remark=f"{leanest.server}: {_ms(leanest)}")


def _ms(result: Result) -> str:
    return f"{result.cpu_us / 1e3:.2f} ms"


def _against_litellm(measured: Measured) -> Iterator[Goal]:
    of, kinds = measured.of, gateway
    pairs = {kind.name: (of(OURS, kind), of(LITELLM, kind)) for kind in kinds.KINDS}
    for kind, limit in ((kinds.RELAYED, 200), (kinds.TRANSLATED, 200)):
        ours, theirs = pairs[kind.name]
        if ours and theirs and theirs.rate:
            yield Goal(
                f"LiteLLM's proxy: requests, {kind.name}", ours.rate / theirs.rate, limit, "times", at_most=False
            )
            cpu = theirs.cpu_us / ours.cpu_us
            yield Goal("LiteLLM's proxy: the same by processor time", cpu, limit, "times", at_most=False)
    ours, theirs = pairs[kinds.STREAMS.name]
    if ours and theirs and theirs.events:
        yield Goal("LiteLLM's proxy: stream events", ours.events / theirs.events, 60, "times", at_most=False)
        cpu = theirs.cpu_us / ours.cpu_us
        yield Goal("LiteLLM's proxy: the same by processor time", cpu, 60, "times", at_most=False)
    direct = of(DIRECT, kinds.BEARABLE)
    here, there = (added(one, direct) for one in pairs[kinds.BEARABLE.name])
    if here and there:
        yield Goal(
            "LiteLLM's proxy: added latency at 10 req/s, p50", there[0] / here[0], 30, "times less", at_most=False
        )
    ours, theirs = pairs[kinds.RELAYED.name]
    if ours and theirs:
        yield Goal("LiteLLM's proxy: memory", theirs.peak_mib / ours.peak_mib, 10, "times less", at_most=False)


def of_migration(costs: Costs) -> Iterator[Goal]:
    """The migration's rows."""
    here, there, direct = migration.STAND_IN, migration.LITELLM, migration.DIRECT
    relayed, shadowed = migration.RELAYED.name, migration.SHADOWED.name
    for text, kind in (
        ("migration: relaying adds, chats one after the other, p50", migration.ONE_CLIENT),
        ("migration: the same, 200 a second", migration.FAST_CHATS),
    ):
        added = costs.added_us(here, kind, relayed, direct)
        yield Goal(text, None if added is None else added / 1e3, 0.3, "ms")
    for text, kind in (
        ("migration: shadow as it is by default adds to relaying, chats, p50", migration.CHATS),
        ("migration: the same, streams", migration.STREAMS),
    ):
        share = costs.added_share(there, kind, shadowed, relayed)
        yield Goal(text, None if share is None else share * 100, 5, "%")
    found = costs.overload
    if found is not None:
        usual = ShadowSettings()
        come, compared = found.handed_over / found.seconds, found.compared / found.seconds
        remark = f"{come:,.0f} a second come, {compared:,.0f} are compared"
        text = "migration: too many hand-overs: those neither compared nor counted as dropped"
        yield Goal(text, found.unaccounted, usual.max_queue, "", remark=remark)
        yield Goal("migration: the same, clients' answers that failed", found.flooded.errors, 0, "")
        yield Goal("migration: the same, memory", found.peak_mib - found.mib_before, usual.max_bytes / 2**20, "MiB")


def goals(measured: Measured) -> list[Goal]:
    """All rows, in the order of the page."""
    return [
        *_core(measured),
        *_bindings(measured),
        *_gateway(measured),
        *against_rust(measured),
        *of_migration(measured.migration),
        *_against_litellm(measured),
    ]


def lost(measured: Measured) -> list[str]:
    """Where another server spends less processor time than ours, in words. Rates depend more on the machine's mood."""
    found = []
    for kind in gateway.KINDS:
        ours = measured.of(OURS, kind)
        for other in measured.results:
            here = ours is not None and other.load == kind.name and not other.server.startswith(OURS)
            if here and ours is not None and 0 < other.cpu_us < ours.cpu_us:
                share = other.cpu_us / ours.cpu_us
                found.append(f"{kind.name}: {other.server} spends {share:.2f} of the processor time")
    return found
