"""The words of docs/benchmarks.md."""

INTRODUCTION = """\
# Benchmarks

Written by `make bench`: all figures here come from one run on one machine, but for the section on how cost grows, which
`make bench-full` writes and which says its own date. Numbers elsewhere in this repository are taken from here.

{machine}

R is the time in which serde_json skips the same bytes as a `RawValue`: the least that a reader of JSON can do. The
core's ratios are of the fastest rounds, both sides in turns, since other work can only slow a round down.
All commands are in [bench/README.md](../bench/README.md).
"""
CORE = """
## The core

Median of a translation from bytes to bytes, with the interval that holds it with 95 % confidence. A request is read,
translated and written; an answer is read whole; a delta is one event in the middle of a stream.

| translation | input | time | interval | skipping | R |
|---|---|---|---|---|---|
"""
TRANSFORM = """
## LiteLLM's transform

`map_openai_params` and `transform_request` of LiteLLM {version} on the same inputs, with `json.loads` before and
`json.dumps` after it, as the core's figure holds both too. LiteLLM's routing, logging and cost calculation around it
are not counted.

| translation | input | LiteLLM, median | lowest … highest of 7 | of it JSON | core, fastest | lowest / fastest |
|---|---|---|---|---|---|---|
"""
BINDINGS = """
## From Python

| what | measured |
|---|---|
"""
LIBRARIES = """
As a library: one chat request of 1 KB after the other to an upstream that answers at once, from a dict to a dict or to
the library's own answer type. For interlingua the standard library's `http.client` sends what the core translated, and
blocks; the others bring clients that do not, and do more than is asked for here, pools and retries among it.

| library | provider | a call, median | lowest … highest of 7 | CPU a call |
|---|---|---|---|---|
"""
GATEWAY = """
## The gateway

The server has one core; load generator and upstream share the other, in one process ({direct}: what they reach
alone). The master key is checked, metrics are on, there is no access log. {connections} connections, each sends
its next request after the last answer, but for “100 requests/s”, which are sent on time whatever the answers
do. Servers ran in turns: medians of {rounds} rounds of {seconds} s with the lowest and highest (LiteLLM's
proxy: {slow} rounds). CPU is the server's own time a request or stream. Memory is the peak of all its processes
under this load. Latency of a stream is that of the whole. Relays do not translate, authenticate or count;
“hyper relay” is ours (bench/src/relay.rs) and stands for what a Rust gateway can reach.

![requests a second](bench/requests.svg)
![CPU a request](bench/cpu.svg)
"""
LOAD = """
### {name}

| server | {rate} | lowest to highest | CPU | p50 | p99 | peak memory | errors |
|---|---|---|---|---|---|---|---|
"""
MIGRATION = """
## The migration

What relaying and shadow cost (bench/migration.py). Gateway and LiteLLM, which has the plug-in, share one core; load
generator and upstream have the other. Every mode has a gateway of its own, which is started for each of its {rounds}
rounds; modes take turns. “Added” is to “{direct}” beside it, both of their fastest rounds; a round at LiteLLM has few
requests, so that its p99 is nearly its slowest. CPU and memory are the gateway's, or LiteLLM's own where there is no
gateway.

![p50 of a chat](bench/migration.svg)
"""
MIGRATION_LOAD = """
### In front of {behind}: {name}

| | p50 | lowest to highest | added | p99 | CPU | peak memory | errors |
|---|---|---|---|---|---|---|---|
"""
SHADOW = """
### What came of the hand-overs

| | sampled | compared | mismatches | declined | dropped | failed |
|---|---|---|---|---|---|---|
"""
OVERLOAD = """
More of them than can be compared, while clients' chats are relayed ({load}): for {seconds:.1f} s
{rate:,.0f} hand-overs a second came; {compared:,} were compared, {dropped:,} dropped and counted, {unaccounted} waited
at the end. Memory went from {before:.1f} to at most {peak:.1f} MiB. Clients' answers: p50 {quiet_p50} before and {p50}
meanwhile, p99 {quiet_p99} and {p99}; {errors} failed.
"""
GOALS = """
## Goals

One core for the gateway, 1 KB chats and {connections} connections where nothing else is said. Latency is the
lowest of the rounds; what shadow adds is the median of the rounds, each compared with the relaying round beside it.

| goal | wanted | measured | reached |
|---|---|---|---|
"""
LOST = """
## Where others are ahead

{lines}
"""
MISSING = """
Not measured here, since the machine does not have it: {names}.
"""
BEGIN, END = "<!-- curves: begin -->", "<!-- curves: end -->"
CURVES = """
## How cost grows

Measured {date} by `make bench-full` on {machine}. The exponent is that of the line
through the measured points in logarithms (from where constant costs no longer prevail): 1 is linear, 0 is flat.

| curve | line | expected | exponent | smallest | largest |
|---|---|---|---|---|---|
"""
SOAK = """
### Memory over {minutes:.1f} minutes under load

Requests of both dialects and streams in turns, {connections} connections. Memory was {first:.1f} MiB after a tenth of
the time and {last:.1f} MiB at the end: {change:+.1f} MiB.

![memory over time](bench/soak.svg)
"""
