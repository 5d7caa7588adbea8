"""What each address of the REST interface asks for. One line an address; a test compares it with the URLs."""

from __future__ import annotations

from apps.accounts.policy import ANYONE, EDIT, INGEST, MANAGE, PEOPLE, PUBLIC, READ, register

# Operations: says only whether the server is up.
register("healthz", GET=PUBLIC)
register("readyz", GET=PUBLIC)
# The one-time link of a new installation is its own credential.
register("setup", GET=PUBLIC, POST=PUBLIC)

# The description holds nothing of this installation.
register("api:schema", GET=PUBLIC)
register("api:docs", GET=PUBLIC)

# People
register("api:me", GET=ANYONE)
register("api:my-keys", GET=MANAGE, POST=MANAGE)
register("api:my-key", DELETE=MANAGE)
register("api:teams", GET=ANYONE, POST=MANAGE)
register("api:team", GET=READ, PATCH=MANAGE)
register("api:members", GET=PEOPLE)
register("api:member", PATCH=MANAGE, DELETE=MANAGE)
register("api:member-owner", POST=MANAGE)
register("api:invitations", GET=MANAGE, POST=MANAGE)
register("api:invitation", DELETE=MANAGE)
register("api:invitation-mail", POST=MANAGE)
register("api:audit", GET=MANAGE)
register("api:audit-export", GET=MANAGE)
register("api:keys", GET=MANAGE, POST=MANAGE)
register("api:key", DELETE=MANAGE)
register("api:service-accounts", GET=PEOPLE, POST=MANAGE)
register("api:service-account", DELETE=MANAGE)
register("api:service-account-keys", GET=MANAGE, POST=MANAGE)

# Projects
register("api:projects", GET=READ)
register("api:project", GET=READ, PATCH=EDIT, DELETE=EDIT)
register("api:project-restore", POST=EDIT)
register("api:team-projects", GET=READ, POST=EDIT)
register("api:team-project", GET=READ)

# Runs
register("api:runs", POST=INGEST)
register("api:runs-fetch", POST=READ)
register("api:runs-tags", POST=EDIT)
register("api:runs-delete", POST=EDIT)
register("api:runs-restore", POST=EDIT)
register("api:runs-move", POST=EDIT)
register("api:run", GET=READ, PATCH=EDIT, DELETE=EDIT)
register("api:run-restore", POST=EDIT)
register("api:run-config", POST=INGEST)
register("api:run-summary", POST=INGEST)
register("api:run-end", POST=INGEST)
register("api:run-stop", POST=EDIT)
register("api:run-heartbeat", POST=INGEST)
register("api:run-clone", POST=EDIT)
register("api:project-runs", GET=READ)
register("api:completion", GET=READ)
register("api:columns", GET=READ)
register("api:columns-spread", GET=READ)
register("api:project-metrics", GET=READ)

# Views of a workspace. An address is for whoever may look.
register("api:project-views", GET=READ, POST=EDIT)
register("api:view", GET=READ, PATCH=EDIT, DELETE=EDIT)
register("api:view-default", POST=EDIT, DELETE=EDIT)
register("api:view-links", POST=READ)
register("api:view-link", GET=READ)

# What runs have sent
register("api:batch", PUT=INGEST)
register("api:metrics", GET=READ)
register("api:history", GET=READ)
register("api:rows", GET=READ)
register("api:truncate", POST=EDIT)
register("api:link", POST=EDIT)
register("api:metrics-latest", POST=READ)
register("api:tiles", GET=READ, POST=READ)
register("api:ledger", GET=READ)
register("api:records", GET=READ)
register("api:record-keys", GET=READ)
register("api:alerts", GET=READ)
register("api:logs", GET=READ)
register("api:logs-find", GET=READ)
register("api:logs-download", GET=READ)
