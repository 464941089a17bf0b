"""The oracle solves queries from what can be seen, and says where it cannot."""

from __future__ import annotations

import pytest

from offices import INES, MARA, TOM, call, example
from rung.tasks.task import Example
from rung.worlds.workbench import oracle
from rung.worlds.workbench.oracle.episode import Episode, Stuck
from rung.worlds.workbench.oracle.grounds import sources
from rung.worlds.workbench.oracle.solve import FAMILIES
from rung.worlds.workbench.world import WorkBench
from rung.worlds.world import Call

ALL = (
    "calendar", "email", "analytics", "project_management", "customer_relationship_manager",
)  # fmt: skip
CRM, PROJECTS = "customer_relationship_manager", "project_management"


def event(name: str, email: str, start: str, minutes: str) -> Call:
    return call(
        "calendar.create_event",
        event_name=name,
        participant_email=email,
        event_start=start,
        duration=minutes,
    )


def plot(since: str, metric: str, kind: str, until: str = "2023-11-29") -> Call:
    return call(
        "analytics.create_plot",
        time_min=since,
        time_max=until,
        value_to_plot=metric,
        plot_type=kind,
    )


def task(name: str, email: str) -> Call:
    return call(
        f"{PROJECTS}.create_task", task_name=name, assigned_to_email=email, list_name="Backlog",
        due_date="2023-12-08", board="Front end",
    )  # fmt: skip


def send(email: str, title: str, body: str) -> Call:
    return call("email.send_email", recipient=email, subject=title, body=body)


def update(tool: str, id_name: str, id_: str, field: str, value: str) -> Call:
    return call(tool, **{id_name: id_}, field=field, new_value=value)


CASES = [
    ("email-t00", "Drop {name}'s latest", "Drop tom's latest",
     [call("email.delete_email", email_id="00000011")]),
    ("email-t01", "Drop {name}'s of {days} days", "Drop tom's of 9 days",
     [call("email.delete_email", email_id="00000011"),
      call("email.delete_email", email_id="00000010")]),
    ("email-t02", "Tell {name} '{body}' about {subject}", "Tell ines 'a\\nb' about Glue",
     [send(INES, "Glue", "a\nb")]),
    ("email-t03", "Answer {name} on '{subject}' with 'ok'", "Answer tom on 'Paint' with 'ok'",
     [call("email.reply_email", email_id="00000011", body="ok")]),
    ("email-t04", "{name}'s '{subject}' of last week to {recipient_name}",
     "tom's 'Ladder order' of last week to mara",
     [call("email.forward_email", email_id="00000010", recipient=MARA)]),
    ("email-t07", "Latest '{subject}' to {recipient_name1} and {recipient_name2}",
     "Latest 'Paint' to tom and ines",
     [call("email.forward_email", email_id="00000013", recipient=TOM),
      call("email.forward_email", email_id="00000013", recipient=INES)]),
    ("calendar-t00", "Drop the first on {natural_language_date}", "Drop the first on December 1",
     [call("calendar.delete_event", event_id="00000001")]),
    ("calendar-t02", "Move {name} on {natural_language_date} by {duration}s",
     "Move tom on December 1 by 1.5 hours",
     [update("calendar.update_event", "event_id", "00000002", "event_start",
             "2023-12-01 11:30:00")]),
    ("calendar-t06", "Not met {name} for {duration} days? Book 'hello'",
     "Not met mara for 5 days? Book 'hello'", [event("hello", MARA, "2023-12-01 11:30:00", "30")]),
    ("calendar-t06", "Not met {name} for {duration} days? Book 'hello'",
     "Not met tom for 5 days? Book 'hello'", []),
    ("calendar-t07", "Clear {next_day} {before_or_after} {natural_language_time}",
     "Clear Friday after 9", [call("calendar.delete_event", event_id="00000002")]),
    ("calendar-t09", "No more {event_name}", "No more budget talk",
     [call("calendar.delete_event", event_id="00000002"),
      call("calendar.delete_event", event_id="00000003")]),
    ("calendar-t10",
     "{event_name} for {duration} on {natural_language_date} at {natural_language_time} with"
     " {name}",
     "Lunch for 2 hour on December 5 at 1 with ines",
     [event("Lunch", INES, "2023-12-05 13:00:00", "120")]),
    ("analytics-t00", "{plot_type} of {natural_language_metric} since {natural_language_date}",
     "bar of total visits since November 27", [plot("2023-11-27", "total_visits", "bar")]),
    ("analytics-t03", "{natural_language_metric} {more_or_less} than {threshold} since"
     " {natural_language_date}?", "engaged users less than 1 since November 27?",
     [plot("2023-11-27", "user_engaged", "line")]),
    ("analytics-t03", "{natural_language_metric} {more_or_less} than {threshold} since"
     " {natural_language_date}?", "total visits more than 3 since November 27?", []),
    ("analytics-t07", "{natural_language_metric} by {natural_language_growth_threshold}"
     " {higher_or_lower} than {day_of_week}?", "total visits by 5% higher than Tuesday?",
     [plot("2023-11-28", "total_visits", "line")]),
    ("analytics-t10", "Best source since {natural_language_date}",
     "Best source since November 27", [plot("2023-11-27", "visits_direct", "line")]),
    (f"{PROJECTS}-t02", "Start {name}'s late ones", "Start tom's late ones",
     [update(f"{PROJECTS}.update_task", "task_id", "00000020", "list_name", "In Progress")]),
    (f"{PROJECTS}-t07", "{name_1}'s most urgent to {name_2}", "tom's most urgent to mara",
     [update(f"{PROJECTS}.update_task", "task_id", "00000020", "assigned_to_email", MARA)]),
    (f"{CRM}-t00", "{current_customer_name} is {new_status_natural_language}", "Ada Stone is won",
     [update(f"{CRM}.update_customer", "customer_id", "00000030", "status", "Won")]),
    (f"{CRM}-t02", "New: {new_customer_name}, for {assigned_to_first_name}", "New: Di, for ines",
     [call(f"{CRM}.add_customer", customer_name="Di", assigned_to_email=INES, status="Lead")]),
    ("multi_domain-t00", "{current_customer_name} silent? 'Call Ada'",
     "Ada Stone silent? 'Call Ada'",
     [event("Call Ada", TOM, "2023-12-01 11:30:00", "30")]),
    ("multi_domain-t01", "{new_customer_name} to the most punctual", "Cy to the most punctual",
     [call(f"{CRM}.add_customer", customer_name="Cy", assigned_to_email=TOM, status="Lead")]),
    ("multi_domain-t12", "{natural_language_metric} above {threshold} since"
     " {natural_language_date}: 'Fix it'", "total visits above 2 since November 27: 'Fix it'",
     [task("Fix it", MARA)]),
    ("multi_domain-t16", "{natural_language_metric} above {threshold} since"
     " {natural_language_date}, {name}? 'Fix it', else 'Thanks' saying 'It's fine'",
     "total visits above 9 since November 27, mara? 'Fix it', else 'Thanks' saying 'It's fine'",
     [send(MARA, "Thanks", "It's fine")]),
]  # fmt: skip


def case(template: str, words: str, query: str, answer: list[Call]) -> Example:
    return example(query, answer, domains=ALL, template=template, words=words)


@pytest.mark.parametrize("template, words, query, answer", CASES)
def test_families(
    world: WorkBench,
    helped: WorkBench,
    answering: WorkBench,
    template: str,
    words: str,
    query: str,
    answer: list[Call],
) -> None:
    asked = case(template, words, query, answer)
    for office in (world, helped, answering):
        solution = oracle.solve(office, asked)
        assert solution.deduced, solution.reason
        assert office.score(asked, solution.calls).strict
        assert "unseen" not in sources(office, asked, solution.calls).values()
    assert len(oracle.solve(world, asked).calls) > len(answer)  # it looks before it writes


def test_every_template_has_a_family() -> None:
    counts = {"email": 9, "calendar": 11, "analytics": 12, PROJECTS: 8, CRM: 8, "multi_domain": 21}
    assert set(FAMILIES) == {f"{file}-t{n:02d}" for file, num in counts.items() for n in range(num)}


def test_an_answer_that_does_not_follow_is_told_apart(world: WorkBench) -> None:
    published = [call("email.delete_email", email_id="00000012")]
    asked = case("email-t00", "Drop {name}'s latest", "Drop tom's latest", published)
    solution = oracle.solve(world, asked)
    assert not solution.deduced
    assert "differs from what the query asks" in solution.reason
    assert world.score(asked, solution.calls).strict
    assert world.oracle(asked) == solution.calls


@pytest.mark.parametrize(
    "template, query, reason",
    [
        ("email-t00", "Drop zoe's latest", "nobody is called 'zoe'"),
        ("email-t00", "What is this?", "does not follow its template"),
        ("email-t99", "Drop tom's latest", "no family knows this template"),
    ],
)
def test_what_cannot_be_solved_says_why(
    world: WorkBench, template: str, query: str, reason: str
) -> None:
    published = [call("email.delete_email", email_id="00000012")]
    asked = case(template, "Drop {name}'s latest", query, published)
    solution = oracle.solve(world, asked)
    assert reason in solution.reason
    assert world.score(asked, solution.calls).strict


def test_sources_tell_what_falls_from_the_sky(world: WorkBench) -> None:
    asked = example("Tell tom: hello", domains=ALL)
    made = [
        call("company_directory.find_email_address", name="tom"),
        send(TOM, "Hello", "Good news!"),
        plot("2023-11-05", "user_engaged", "bar"),
    ]
    assert sources(world, asked, made) == {
        TOM: "seen", "Hello": "seen", "Good news!": "unseen", "2023-11-05": "worked_out",
        "2023-11-29": "worked_out", "user_engaged": "listed", "bar": "listed",
    }  # fmt: skip


def test_slots_with_few_words_do_not_take_more(world: WorkBench) -> None:
    words = "was {metric} {more_or_less} than {threshold}"
    asked = example("was total time more than 3", words=words)
    slots = Episode(example=asked, session=world.start(asked)).slots()
    assert slots == {"metric": "total time", "more_or_less": "more", "threshold": "3"}


def test_a_write_that_fails_is_the_end(world: WorkBench) -> None:
    asked = example()
    episode = Episode(example=asked, session=world.start(asked))
    with pytest.raises(Stuck, match="there is no email"):
        episode.write("email.delete_email", email_id="99")
