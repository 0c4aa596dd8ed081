"""Exchanges as case folders: written, read, redacted, recorded, imported and judged."""
