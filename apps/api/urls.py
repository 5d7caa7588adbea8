"""The addresses of the REST interface; one line each, and one each in `policy.py`."""

from __future__ import annotations

from django.urls import path

from . import docs, schema
from .v1 import (
    audit,
    batches,
    columns,
    completion,
    forks,
    history,
    keys,
    ledger,
    logs,
    me,
    members,
    metrics,
    project_metrics,
    projects,
    records,
    run_bulk,
    run_list,
    runs,
    service_accounts,
    teams,
    tiles,
    views,
)

app_name = "api"

urlpatterns = [
    path("schema", schema.SchemaView.as_view(), name="schema"),
    path("docs", docs.docs, name="docs"),
    # People
    path("me", me.MeView.as_view(), name="me"),
    path("me/keys", keys.MyKeysView.as_view(), name="my-keys"),
    path("me/keys/<str:key>", keys.MyKeyView.as_view(), name="my-key"),
    path("teams", teams.TeamsView.as_view(), name="teams"),
    path("teams/<str:team>", teams.TeamView.as_view(), name="team"),
    path("teams/<str:team>/members", teams.MembersView.as_view(), name="members"),
    path("teams/<str:team>/members/<str:member>", members.MemberView.as_view(), name="member"),
    path("teams/<str:team>/members/<str:member>/own", members.MemberOwnerView.as_view(), name="member-owner"),
    path("teams/<str:team>/invitations", members.InvitationsView.as_view(), name="invitations"),
    path(
        "teams/<str:team>/invitations/<str:invitation>", members.InvitationView.as_view(), name="invitation"
    ),
    path(
        "teams/<str:team>/invitations/<str:invitation>/mail",
        members.InvitationMailView.as_view(),
        name="invitation-mail",
    ),
    path("teams/<str:team>/audit", audit.AuditView.as_view(), name="audit"),
    path("teams/<str:team>/audit/export", audit.AuditExportView.as_view(), name="audit-export"),
    path("teams/<str:team>/keys", keys.KeysView.as_view(), name="keys"),
    path("teams/<str:team>/keys/<str:key>", keys.KeyView.as_view(), name="key"),
    path(
        "teams/<str:team>/service-accounts",
        service_accounts.ServiceAccountsView.as_view(),
        name="service-accounts",
    ),
    path(
        "teams/<str:team>/service-accounts/<str:account>",
        service_accounts.ServiceAccountView.as_view(),
        name="service-account",
    ),
    path(
        "teams/<str:team>/service-accounts/<str:account>/keys",
        service_accounts.ServiceAccountKeysView.as_view(),
        name="service-account-keys",
    ),
    # Projects
    path("projects", projects.ProjectsView.as_view(), name="projects"),
    path("projects/<str:project>", projects.ProjectView.as_view(), name="project"),
    path("projects/<str:project>/restore", projects.ProjectRestoreView.as_view(), name="project-restore"),
    path("teams/<str:team>/projects", projects.TeamProjectsView.as_view(), name="team-projects"),
    path("teams/<str:team>/projects/<str:slug>", projects.TeamProjectView.as_view(), name="team-project"),
    # Runs
    path("runs", runs.RunsView.as_view(), name="runs"),
    path("runs/fetch", runs.RunFetchView.as_view(), name="runs-fetch"),
    path("runs/tags", run_bulk.RunsTagsView.as_view(), name="runs-tags"),
    path("runs/delete", run_bulk.RunsDeleteView.as_view(), name="runs-delete"),
    path("runs/restore", run_bulk.RunsRestoreView.as_view(), name="runs-restore"),
    path("runs/move", run_bulk.RunsMoveView.as_view(), name="runs-move"),
    path("runs/<str:run>", runs.RunView.as_view(), name="run"),
    path("runs/<str:run>/restore", runs.RunRestoreView.as_view(), name="run-restore"),
    path("runs/<str:run>/config", runs.RunConfigView.as_view(), name="run-config"),
    path("runs/<str:run>/summary", runs.RunSummaryView.as_view(), name="run-summary"),
    path("runs/<str:run>/end", runs.RunEndView.as_view(), name="run-end"),
    path("runs/<str:run>/stop", runs.RunStopView.as_view(), name="run-stop"),
    path("runs/<str:run>/heartbeat", runs.RunHeartbeatView.as_view(), name="run-heartbeat"),
    path("runs/<str:run>/clone", runs.RunCloneView.as_view(), name="run-clone"),
    path("projects/<str:project>/completion", completion.CompletionView.as_view(), name="completion"),
    path("projects/<str:project>/columns", columns.ColumnsView.as_view(), name="columns"),
    path("projects/<str:project>/columns/spread", columns.SpreadView.as_view(), name="columns-spread"),
    path("projects/<str:project>/runs", run_list.RunListView.as_view(), name="project-runs"),
    path(
        "projects/<str:project>/metrics", project_metrics.ProjectMetricsView.as_view(), name="project-metrics"
    ),
    # Views of a workspace
    path("projects/<str:project>/views", views.ProjectViewsView.as_view(), name="project-views"),
    path("projects/<str:project>/view-links", views.ViewLinksView.as_view(), name="view-links"),
    path("projects/<str:project>/view-links/<str:link>", views.ViewLinkView.as_view(), name="view-link"),
    path("views/<str:view>", views.ViewView.as_view(), name="view"),
    path("views/<str:view>/default", views.ViewDefaultView.as_view(), name="view-default"),
    # What runs have sent
    path("runs/<str:run>/streams/<str:stream>/batches/<int:seq>", batches.BatchView.as_view(), name="batch"),
    path("runs/<str:run>/metrics", metrics.MetricsView.as_view(), name="metrics"),
    path("runs/<str:run>/history", history.HistoryView.as_view(), name="history"),
    path("runs/<str:run>/truncate", forks.TruncateView.as_view(), name="truncate"),
    path("runs/<str:run>/link", forks.LinkView.as_view(), name="link"),
    path("runs/<str:run>/rows", history.RowsView.as_view(), name="rows"),
    path("metrics/latest", metrics.LatestView.as_view(), name="metrics-latest"),
    path("tiles", tiles.TilesView.as_view(), name="tiles"),
    path("runs/<str:run>/ledger", ledger.LedgerView.as_view(), name="ledger"),
    path("runs/<str:run>/records", records.RecordsView.as_view(), name="records"),
    path("runs/<str:run>/records/keys", records.RecordKeysView.as_view(), name="record-keys"),
    path("runs/<str:run>/alerts", records.AlertsView.as_view(), name="alerts"),
    path("runs/<str:run>/logs", logs.LogsView.as_view(), name="logs"),
    path("runs/<str:run>/logs/find", logs.LogsFindView.as_view(), name="logs-find"),
    path("runs/<str:run>/logs/download", logs.LogsDownloadView.as_view(), name="logs-download"),
]
