"""``credential_list``: named credentials that several deployments share."""

from __future__ import annotations

from collections.abc import Mapping

from interlingua.gateway.config_file import Environment, Fields, Section

NAME_KEY = "litellm_credential_name"


class Credentials:
    """The credentials of a config."""

    def __init__(self, root: Fields, env: Environment) -> None:
        """Raises ``ConfigError``."""
        self._values: dict[str, Section] = {}
        for index, entry in enumerate(root.items("credential_list")):
            fields = Fields(root.file, f"credential_list[{index}]", env.resolve(entry))
            name = fields.text("credential_name")
            if name is None:
                raise fields.error("credential_name", "is missing; it is the name that deployments refer to")
            self._values[name] = fields.inner("credential_values").section

    def applied(self, params: Mapping[str, object]) -> Section:
        """``params`` with what their credential holds, where they do not say it themselves.

        A name that is not in the config may be in LiteLLM's database: the reference stays, and is LiteLLM's to follow.
        """
        values = self._values.get(str(params.get(NAME_KEY)))
        if values is None:
            return dict(params)
        own = {key: value for key, value in params.items() if key != NAME_KEY and value is not None}
        return {**values, **own}
