"""Which dialect an endpoint is asked in: its settings, its address, and what it refused before.

What a server says about itself is asked in `http.py` and read in `detection.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from rung.engines.dialects import TEMPLATE, Dialect, PrefixStyle, consistent
from rung.engines.endpoints import Endpoint
from rung.engines.hosted import host_of
from rung.engines.refusals import without
from rung.engines.remembered import recall
from rung.engines.support import ABILITIES


def kind_of(endpoint: Endpoint) -> str:
    """Return the kind of server that the settings or the address tell; empty when neither does."""
    if endpoint.server != "auto":
        return endpoint.server
    host = host_of(endpoint.base_url)
    return host.server if host else ""


def corrected(dialect: Dialect, endpoint: Endpoint) -> Dialect:
    """Apply what engines.toml says about this deployment, else what the model refused before."""
    said = {
        "prefix": endpoint.prefix or None,
        "schema": endpoint.schema,
        "choices": endpoint.schema,
        "logprobs": endpoint.logprobs,
        "thinking": endpoint.thinking,
    }
    for name in sorted(recall(endpoint.base_url, endpoint.model)):
        if name in ABILITIES and said.get(name) is None:
            dialect = without(dialect, name)
    can = dialect.capabilities
    scored = can.choice_logprobs if endpoint.logprobs is None else endpoint.logprobs
    return consistent(
        replace(
            dialect,
            prefix=cast(PrefixStyle, endpoint.prefix or dialect.prefix),
            schemas=dialect.schemas or (("response_format",) if endpoint.schema else ()),
            max_tokens_field=endpoint.max_tokens_field or dialect.max_tokens_field,
            switch=dialect.switch or (TEMPLATE if endpoint.thinking else None),
            capabilities=replace(
                can,
                schema=can.schema if endpoint.schema is None else endpoint.schema,
                logprobs=can.logprobs if endpoint.logprobs is None else endpoint.logprobs,
                choice_logprobs=scored,
                thinking=can.thinking if endpoint.thinking is None else endpoint.thinking,
                context_tokens=endpoint.context_tokens or can.context_tokens,
            ),
        )
    )
