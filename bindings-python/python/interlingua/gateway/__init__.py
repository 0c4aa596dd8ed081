"""The Python gateway: sockets, keys, clocks and retries around the core.

``uvicorn interlingua.gateway:app`` serves the config that ``INTERLINGUA_CONFIG`` names;
``interlingua.gateway.create_app(config)`` makes an ASGI app to mount elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interlingua.gateway.application import Gateway, create_app
    from interlingua.gateway.config import Config, ConfigError, load_config

__all__ = ["Config", "ConfigError", "Gateway", "create_app", "load_config"]


def __getattr__(name: str) -> Any:
    """Nothing is imported before it is used: the parts need the extra ``interlingua[gateway]``."""
    if name in ("app", "create_app", "Gateway"):
        from interlingua.gateway import application

        return getattr(application, name)
    if name in ("Config", "ConfigError", "load_config"):
        from interlingua.gateway import config

        return getattr(config, name)
    raise AttributeError(name)
