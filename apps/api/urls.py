"""The addresses of the REST interface; one line each, and one each in `policy.py`."""

from __future__ import annotations

from django.urls import path

from . import docs, schema
from .v1 import keys, me, service_accounts, teams

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
]
