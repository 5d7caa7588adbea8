"""The first page, a team's, and where a project begins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from apps.accounts.models import Team
from apps.tracking.activity import COUNTED, activity_of, newest_runs
from apps.tracking.models import Project, ProjectField, Run
from apps.tracking.previews import previews_of

# Session, person, roles; teams, projects, counts of a team; two of activity, three of previews, three of runs.
HOME_QUERIES = 14
# Session, person, roles; team, number of projects, projects, two of activity, people, teams of the rail.
TEAM_QUERIES = 10


def make_runs(project: Project, count: int, **fields: object) -> list[Run]:
    return [
        Run.objects.create(project=project, client_id=f"{n}", name=f"{project.name} run {n}", **fields)
        for n in range(count)
    ]


@pytest.fixture
def signed_in(alice, team, client):
    client.force_login(alice)
    return client


def text(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_first_page_shows_projects_runs_and_teams(signed_in, team):
    project = Project.objects.begin(team, name="digits")
    make_runs(project, 3)
    page = text(signed_in.get("/"))
    for shown in ("digits", "digits run 2", "The lab", "3 runs", "3 live"):
        assert shown in page


def test_the_first_page_costs_the_same_however_much_there_is(signed_in, team, django_assert_num_queries):
    for n in range(20):
        make_runs(Project.objects.begin(team, name=f"p{n}"), 3)
    with django_assert_num_queries(HOME_QUERIES):
        signed_in.get("/")


def test_without_a_project_the_first_page_offers_to_make_one(signed_in):
    page = text(signed_in.get("/"))
    assert 'action="/alice/new"' in page


def test_a_private_project_is_not_shown_to_other_members(team, alice, bob, client):
    project = Project.objects.begin(team, name="hush", by=alice, visibility="private")
    make_runs(project, 1)
    client.force_login(bob)
    for address in ("/", "/lab", "/?q=hush"):
        assert "hush run" not in text(client.get(address))
        assert 'title="hush"' not in text(client.get(address))


def test_projects_are_found_by_a_part_of_their_name_in_all_teams(signed_in, alice, team):
    other = Team.objects.create_team(slug="vision", owner=alice, name="Vision")
    Project.objects.begin(team, name="digits")
    Project.objects.begin(other, name="More DIGITS")
    Project.objects.begin(other, name="letters")
    page = text(signed_in.get("/?q=digit"))
    assert "2 projects" in page
    assert "letters" not in page
    assert "Nothing is called" in text(signed_in.get("/?q=zzz"))


@pytest.mark.parametrize("q", ["%00", "%25", "'", "%3Cb%3E", "x" * 2000])
def test_any_text_may_be_searched_for(signed_in, team, q):
    Project.objects.begin(team, name="digits")
    assert "<b>" not in text(signed_in.get(f"/?q={q}")).split("<h1")[1].split("</h1>")[0]
    text(signed_in.get(f"/lab?q={q}"))


def test_a_team_shows_its_projects_and_people(signed_in, team, bob, django_assert_num_queries):
    for n in range(60):
        Project.objects.begin(team, name=f"project {n}")
    with django_assert_num_queries(TEAM_QUERIES):
        page = text(signed_in.get("/lab"))
    assert "1–25 of 60" in page
    assert "Bob" in page
    assert "26–50 of 60" in text(signed_in.get("/lab?page=2"))


def test_a_viewer_is_not_offered_to_make_a_project(team, vera, client):
    client.force_login(vera)
    assert "/lab/new" not in text(client.get("/lab")).split("<main")[1].split("</main>")[0]


def test_a_project_is_made_and_opened(signed_in, team, alice):
    made = signed_in.post("/lab/new", {"name": "Digits", "visibility": "private", "description": "of hands"})
    assert made.headers["Location"] == "/lab/digits"
    project = Project.objects.get(slug="digits")
    assert (project.created_by, project.visibility, project.description) == (alice, "private", "of hands")


def test_a_taken_name_is_said_beside_the_field(signed_in, team):
    Project.objects.begin(team, name="digits")
    again = signed_in.post("/lab/new", {"name": "digits", "visibility": "team"})
    assert again.status_code == 422
    assert 'id="name-error">A project of this name exists' in again.content.decode()


def test_what_goes_on_in_a_project(team):
    project, empty = (Project.objects.begin(team, name=name) for name in ("one", "empty"))
    old, new = make_runs(project, 2)
    Run.objects.filter(pk=old.pk).update(created_at=now() - timedelta(days=9), state="finished")
    new.remove()
    told = activity_of([project.pk, empty.pk])
    assert (told[project.pk].runs, told[project.pk].live) == (1, 0)
    assert told[project.pk].last_at == old.last_seen_at
    assert (told[empty.pk].runs, told[empty.pk].last_at) == (0, None)


def test_runs_are_counted_no_further_than_a_list_says(team):
    project = Project.objects.begin(team, name="big")
    Run.objects.bulk_create(
        Run(project=project, client_id=str(n), name="r", state="finished") for n in range(COUNTED + 5)
    )
    told = activity_of([project.pk])[project.pk]
    assert (told.runs, told.has_more) == (COUNTED, True)


def test_the_newest_runs_come_from_all_projects(team):
    projects = [Project.objects.begin(team, name=f"p{n}") for n in range(3)]
    runs = [make_runs(project, 2) for project in projects]
    assert newest_runs(Project.objects.all(), most=3) == [runs[2][1], runs[2][0], runs[1][1]]


def test_new_projects_without_runs_hide_no_run(signed_in, team):
    make_runs(Project.objects.begin(team, name="old"), 1)
    for n in range(20):
        Project.objects.begin(team, name=f"p{n}")
    assert "old run 0" in text(signed_in.get("/"))


def test_a_preview_takes_the_metric_that_says_most(team):
    telling, other, silent = (Project.objects.begin(team, name=name) for name in ("a", "b", "c"))
    for project, names in ((telling, ("train/loss", "val/loss")), (other, ("zeta", "system/cpu", "return"))):
        make_runs(project, 7)
        ProjectField.objects.bulk_create(
            ProjectField(project=project, path=f"metrics.{name}", has_number=True) for name in names
        )
    told = previews_of([telling.pk, other.pk, silent.pk])
    assert told[telling.pk].metric == "val/loss"
    assert told[other.pk].metric == "return"
    assert len(told[telling.pk].runs) == 5
    assert silent.pk not in told
