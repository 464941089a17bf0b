"""Two tenants at the same time never see anything of each other's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from gateways import Exchange, Upstream, gateway, kept, write_endpoints
from rung.store import Store
from rung.store.keys import KeyLog


def echo(exchange: Exchange) -> None:
    """Answer with what was asked, so that a mixed-up answer shows."""
    said = exchange.json()["messages"][0]["content"]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": said},
        "finish_reason": "stop",
    }
    exchange.reply(json.dumps({"choices": [choice]}).encode())


def test_two_tenants_under_load_get_their_own_answers_and_calls(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    upstream.script = echo
    store = Store()
    keys = {name: KeyLog(store).create(name)[1] for name in ("ann", "bob")}
    store.close()

    with gateway() as running:

        def ask(number: int) -> tuple[str, str, str]:
            tenant = ("ann", "bob")[number % 2]
            asked = f"{tenant} says {number}"
            body = {"model": "a", "messages": [{"role": "user", "content": asked}]}
            reply = running.post(
                "/v1/chat/completions", body, authorization=f"Bearer {keys[tenant]}"
            )
            said = reply.json()["choices"][0]["message"]["content"]
            assert said == asked
            return tenant, asked, reply.headers["x-rung-call-id"]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(120)))
        for tenant, _, call_id in answers[:2]:  # each speaks about the call of the other
            other = keys["bob" if tenant == "ann" else "ann"]
            said = {"call_id": call_id, "accepted": False}
            assert running.post("/v1/feedback", said, authorization=f"Bearer {other}").status == 200
    calls = {call.id: call for call in kept()}
    assert len(calls) == 120
    for tenant, asked, call_id in answers:
        assert calls[call_id].tenant == tenant and asked in calls[call_id].request
    conversations = {(call.tenant, call.conversation) for call in calls.values()}
    assert len(conversations) == 120
    store = Store()
    from rung.store.calls import CallLog

    for tenant, _, call_id in answers[:2]:
        assert CallLog(store).feedback([call_id], tenant) == {}
    store.close()
