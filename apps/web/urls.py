"""The pages. A page's name is a noun: `web:runs`, `web:run`; each has its line in policy.py."""

from __future__ import annotations

from django.urls import path

from .pages import compare, home, project_settings, run, runs, settings, workspace

app_name = "web"

_PROJECT = "<str:team>/<str:project>"
_RUN = f"{_PROJECT}/runs/<str:run>"

urlpatterns = [
    path("", home.home, name="home"),
    # One's own
    path("settings", settings.profile, name="settings"),
    # What clients print: it knows no team and no project
    path("runs/<str:run>", run.by_id, name="run-by-id"),
    # A team
    path("<str:team>", home.team, name="team"),
    # A project
    path(_PROJECT, workspace.workspace, name="workspace"),
    path(f"{_PROJECT}/runs", runs.runs, name="runs"),
    path(f"{_PROJECT}/compare", compare.compare, name="compare"),
    path(f"{_PROJECT}/settings", project_settings.project_settings, name="project-settings"),
    # A run
    path(_RUN, run.overview, name="run"),
]
