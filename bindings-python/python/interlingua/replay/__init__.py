"""The replay upstream: every provider that the fixtures know, without a key and without a network."""
