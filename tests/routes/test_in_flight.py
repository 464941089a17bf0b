"""Several answers at once: in order, no more than the server takes, and time is charged once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickets
from rung.core.config import home
from rung.core.errors import ConfigError, EngineError
from rung.engines.base import Completion, Request
from rung.engines.fake import FakeEngine
from rung.engines.prices import price_of
from rung.flow.session import Session, open_session
from rung.routes.evaluate import MAX_OUTAGES, evaluate
from rung.routes.in_flight import Meter, in_order, num_in_flight
from rung.routes.route import Route
from rung.tasks.importer import init_task

SERVER = "http:lab"
BLANK = Route(name="blank", rung="blank", output="blank", model=SERVER)


class Together:
    """Answers only when `count` requests wait at once; counts how many ever did."""

    def __init__(self, count: int) -> None:
        self.barrier = threading.Barrier(count, timeout=20)
        self.lock = threading.Lock()
        self.num = self.most = self.asked = 0

    def __call__(self, request: Request) -> str:
        with self.lock:
            self.num += 1
            self.asked += 1
            self.most = max(self.most, self.num)
        self.barrier.wait()
        with self.lock:
            self.num -= 1
        return '{"label": "billing"}'


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    home().mkdir(parents=True, exist_ok=True)
    (home() / "engines.toml").write_text(
        '[engines.lab]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\nin_flight = 4\n'
    )
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=120)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    with open_session(task) as opened:
        yield opened


def serve(session: Session, script: object) -> None:
    engine = FakeEngine(SERVER, script=script, capabilities=tickets.ABILITIES)  # type: ignore[arg-type]
    session.runtime._engines[SERVER] = engine


def test_a_server_gets_as_many_as_its_endpoint_says(session: Session) -> None:
    script = Together(4)
    serve(session, script)
    examples = session.task.dev[:12]
    rows = list(evaluate(BLANK, session.runtime, examples, price=price_of("local-2core")))
    assert [row.example for row in rows] == [example.id for example in examples]
    assert script.most == 4
    # four shared the machine, so each pays for about a quarter of the time it took
    hour = price_of("local-2core").usd_per_hour or 0.0
    billed = sum(row.cost_usd for row in rows)
    assert billed < 0.75 * sum(row.latency_ms for row in rows) * hour / 3_600_000


def test_who_stops_early_asks_for_little_more(session: Session) -> None:
    script = Together(1)
    serve(session, script)
    each = evaluate(BLANK, session.runtime, session.task.dev, price=price_of("local-2core"))
    assert len(list(islice(each, 1))) == 1
    each.close()
    assert script.asked <= 1 + 2 * 4


def test_a_slow_one_does_not_idle_the_others() -> None:
    others_done = threading.Semaphore(0)
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number:
            others_done.release()
        else:
            for _ in range(20):
                assert others_done.acquire(timeout=20)
        return number

    works = [partial(work, number) for number in range(100)]
    told = in_order(works, 2)
    assert next(told)() == 0
    assert len(begun) >= 21  # all that the slow one waited for, with two at once
    assert [result() for result in told] == list(range(1, 100))


def test_what_is_begun_beside_a_slow_one_is_bounded() -> None:
    end = threading.Event()
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        assert number or end.wait(20)
        return number

    told = in_order([partial(work, number) for number in range(1000)], 2)
    first = next(told)
    threading.Timer(0.3, end.set).start()  # by then the other worker has done all that it may
    assert first() == 0
    assert 16 <= len(begun) <= 16 * 2 + 1
    told.close()
    assert len(begun) <= 16 * 2 + 1


def test_outages_in_a_row_end_it_at_once_too(session: Session) -> None:
    def gone(request: Request) -> str:
        raise EngineError("asking lab: 503", retryable=True)

    serve(session, gone)
    rows = []
    with pytest.raises(EngineError, match="503"):
        for row in evaluate(
            BLANK, session.runtime, session.task.dev, price=price_of("local-2core")
        ):
            rows.append(row)
    assert len(rows) == MAX_OUTAGES - 1


def test_an_interrupt_gives_up_what_is_in_flight(session: Session) -> None:
    given_up = threading.Event()

    class Slow(FakeEngine):
        def complete(self, request: Request) -> Completion:
            if "interrupt" in request.messages[-1].content:
                raise KeyboardInterrupt
            assert given_up.wait(20)
            raise EngineError("the engine is closed")

        def close(self) -> None:
            given_up.set()

    examples = [replace(session.task.dev[0], input="interrupt"), *session.task.dev[1:4]]
    session.runtime._engines[SERVER] = Slow(SERVER, capabilities=tickets.ABILITIES)
    with pytest.raises(KeyboardInterrupt):
        list(evaluate(BLANK, session.runtime, examples, price=price_of("local-2core")))


def test_an_interrupt_while_a_slow_one_is_waited_for_gives_up_what_is_in_flight(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up, in_vain = threading.Event(), []

    class Slow(FakeEngine):
        def complete(self, request: Request) -> Completion:
            if not given_up.wait(20):
                in_vain.append(request)
            raise EngineError("the engine is closed")

        def close(self) -> None:
            given_up.set()

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rung.routes.in_flight.wait", interrupted)
    session.runtime._engines[SERVER] = Slow(SERVER, capabilities=tickets.ABILITIES)
    with pytest.raises(KeyboardInterrupt):
        list(evaluate(BLANK, session.runtime, session.task.dev, price=price_of("local-2core")))
    assert given_up.is_set()
    assert in_vain == []  # nothing was waited for


def test_one_at_a_time_in_this_process_and_where_answers_depend_on_each_other(
    session: Session,
) -> None:
    task = session.task
    assert num_in_flight(BLANK, task) == 4
    assert num_in_flight(Route(name="x", rung="x", output="form", model="smollm2-135m"), task) == 1
    assert num_in_flight(Route(name="x", rung="x", output="head"), task) == 1
    row = Route(name="x", rung="x", output="cascade", model=SERVER, stages=(BLANK,))
    assert num_in_flight(row, task) == 1


def test_an_endpoint_is_told_how_many_at_most(session: Session) -> None:
    path = home() / "engines.toml"
    path.write_text(path.read_text().replace("in_flight = 4", "in_flight = 0"))
    with pytest.raises(ConfigError, match="in_flight = 0"):
        num_in_flight(BLANK, session.task)


def test_results_come_in_the_order_asked_whoever_is_done_first() -> None:
    first_may_end = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(20)
        else:
            first_may_end.set()
        return number

    works = [partial(work, number) for number in range(9)]
    assert [result() for result in in_order(works, 3)] == list(range(9))


def test_alone_a_work_is_done_when_it_is_asked_for() -> None:
    done = []
    results = in_order([partial(done.append, number) for number in range(3)], 1)
    next(results)()
    next(results)
    assert done == [0]


def test_of_a_moment_that_two_share_each_has_half() -> None:
    now = iter([0.0, 5.0, 10.0, 15.0])
    meter = Meter(lambda: next(now))
    with meter.work() as first:  # 0 to 10
        inner = meter.work()
        second = inner.__enter__()  # 5 to 15
    inner.__exit__(None, None, None)
    assert (first(), second()) == (0.75, 0.75)


def test_a_work_alone_has_all_of_its_time() -> None:
    meter = Meter()
    with meter.work() as share:
        pass
    assert share() == 1.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=8))
def test_what_all_are_charged_is_the_time_in_which_any_was_in_flight(
    spans: list[tuple[int, int]],
) -> None:
    events = sorted(
        [(start, 1, n) for n, (start, _) in enumerate(spans)]
        + [(start + length, 0, n) for n, (start, length) in enumerate(spans)]
    )
    clock = iter([float(at) for at, _, _ in events])
    meter = Meter(lambda: next(clock))
    works = [meter.work() for _ in spans]
    shares = {}
    for _, begins, number in events:
        if begins:
            shares[number] = works[number].__enter__()
        else:
            works[number].__exit__(None, None, None)
    charged = sum(shares[number]() * length for number, (_, length) in enumerate(spans))
    busy = len({at for start, length in spans for at in range(start, start + length)})
    assert charged == pytest.approx(busy, abs=1e-3)
