"""What each address of the REST interface asks for. One line an address; a test compares it with the URLs."""

from __future__ import annotations

from apps.accounts.policy import ANYONE, MANAGE, PEOPLE, PUBLIC, READ, register

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
register("api:keys", GET=MANAGE, POST=MANAGE)
register("api:key", DELETE=MANAGE)
register("api:service-accounts", GET=PEOPLE, POST=MANAGE)
register("api:service-account", DELETE=MANAGE)
register("api:service-account-keys", GET=MANAGE, POST=MANAGE)
