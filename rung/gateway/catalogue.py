"""Which models the gateway passes on, and to which endpoints.

A client may ask for an endpoint by its name in `engines.toml`, with or without `http:`, or for a
model by the name its servers know: then every endpoint that has it may answer, in the order of the
file. Only configured endpoints are ever asked; no address comes from a client, and a task is never
an endpoint's.
"""

from __future__ import annotations

from collections.abc import Mapping

from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean
from rung.engines.endpoints import Endpoint, endpoints, endpoints_path
from rung.gateway.settings import Settings
from rung.gateway.upstream import Upstream

PREFIX = "task/"
"""What the name of a task begins with where a model is named."""


class Catalogue:
    """The endpoints by every name they go by. Raises ConfigError when the default is unknown."""

    def __init__(self, settings: Settings, known: Mapping[str, Endpoint] | None = None) -> None:
        found = endpoints() if known is None else known
        self._by_name = {name: Upstream(endpoint, settings) for name, endpoint in found.items()}
        self._by_model: dict[str, tuple[Upstream, ...]] = {}
        for upstream in self._by_name.values():
            model = upstream.endpoint.model
            self._by_model[model] = (*self._by_model.get(model, ()), upstream)
        default = settings.upstream.default
        if default and default not in self._by_name:
            raise ConfigError(
                f"gateway.toml: no endpoint is called {default!r}"
                f" ({did_you_mean(default, self._by_name)})",
                hint=f"add [engines.{default}] to {endpoints_path()}",
            )
        self._default = (self._by_name[default],) if default else ()

    def find(self, model: str) -> tuple[Upstream, ...]:
        """Return the endpoints to ask for a model, in order; empty when it is unknown."""
        named = self._by_name.get(model.removeprefix("http:"))
        if named is not None:
            return (named,)
        return self._by_model.get(model) or (() if model.startswith(PREFIX) else self._default)

    def models(self) -> list[str]:
        """Return every name a client may ask for, endpoints first."""
        return list(dict.fromkeys([*self._by_name, *self._by_model]))

    def close(self) -> None:
        """Close the connections that are idle."""
        for upstream in self._by_name.values():
            upstream.pool.close()
