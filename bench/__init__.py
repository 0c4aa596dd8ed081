"""Benchmarks against LiteLLM and a bare relay: `make bench`."""
