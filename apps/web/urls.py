"""The pages. A page's name is a noun: `web:runs`, `web:run`; each has its line in policy.py."""

from __future__ import annotations

from django.urls import path

from .pages import (
    compare,
    deleted_project,
    home,
    keys,
    onboarding,
    project_settings,
    run,
    runs,
    settings,
    teams,
    trash,
    workspace,
)

app_name = "web"

_PROJECT = "<str:team>/<str:project>"
_RUN = f"{_PROJECT}/runs/<str:run>"

urlpatterns = [
    path("", home.home, name="home"),
    # One's own
    path("settings", settings.profile, name="settings"),
    path("settings/appearance", settings.appearance, name="appearance"),
    path("settings/keys", keys.keys, name="keys"),
    path("settings/keys/new", keys.new_key, name="new-key"),
    path("settings/keys/<str:key>/revoke", keys.revoke_key, name="key-revoke"),
    # What clients print: it knows no team and no project
    path("runs/<str:run>", run.by_id, name="run-by-id"),
    # A deleted project has given its address back
    path("projects/<str:project>/deleted", deleted_project.deleted_project, name="deleted-project"),
    # A team
    path("<str:team>", teams.team, name="team"),
    path("<str:team>/new", teams.new_project, name="new-project"),
    # A project
    path(_PROJECT, workspace.workspace, name="workspace"),
    path(f"{_PROJECT}/runs", runs.runs, name="runs"),
    path(f"{_PROJECT}/runs/export", runs.export, name="runs-export"),
    path(f"{_PROJECT}/runs/trash", trash.trash, name="trash"),
    path(f"{_PROJECT}/compare", compare.compare, name="compare"),
    path(f"{_PROJECT}/start", onboarding.start, name="start"),
    path(f"{_PROJECT}/settings", project_settings.project_settings, name="project-settings"),
    path(f"{_PROJECT}/settings/metric", project_settings.metric, name="metric-definition"),
    path(f"{_PROJECT}/settings/metric/remove", project_settings.remove_metric, name="metric-removal"),
    path(f"{_PROJECT}/settings/delete", project_settings.delete, name="project-deletion"),
    # A run
    path(_RUN, run.overview, name="run"),
    path(f"{_RUN}/charts", run.charts, name="run-charts"),
    path(f"{_RUN}/system", run.system, name="run-system"),
    path(f"{_RUN}/logs", run.logs, name="run-logs"),
    path(f"{_RUN}/code", run.code, name="run-code"),
    path(f"{_RUN}/stop", run.stop, name="run-stop"),
]
