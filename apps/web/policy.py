"""Who may open which page. One line an address; a test compares it with the URLs."""

from __future__ import annotations

from apps.accounts.policy import EDIT, MANAGE, PUBLIC, READ, register

# Signing in is for those who have not yet; django-allauth asks for what more it needs.
for _name in (
    "login",
    "logout",
    "signup",
    "reauthenticate",
    "change_password",
    "set_password",
    "reset_password",
    "reset_password_from_key",
):
    register(f"account_{_name}", GET=PUBLIC, POST=PUBLIC)
for _name in ("inactive", "reset_password_done", "reset_password_from_key_done"):
    register(f"account_{_name}", GET=PUBLIC)

register("web:home", GET=READ)
register("web:settings", GET=READ, POST=MANAGE)
register("web:appearance", GET=READ)
register("web:keys", GET=MANAGE)
register("web:new-key", GET=MANAGE, POST=MANAGE)
register("web:key-revoke", GET=MANAGE, POST=MANAGE)
register("web:run-by-id", GET=READ)
register("web:team", GET=READ)
register("web:new-project", GET=EDIT, POST=EDIT)
register("web:workspace", GET=READ)
register("web:runs", GET=READ)
register("web:runs-export", GET=READ, POST=READ)
register("web:trash", GET=READ, POST=EDIT)
register("web:compare", GET=READ)
register("web:start", GET=READ, POST=EDIT)
register("web:project-settings", GET=READ, POST=EDIT)
register("web:metric-definition", GET=EDIT, POST=EDIT)
register("web:metric-removal", POST=EDIT)
register("web:project-deletion", GET=EDIT, POST=EDIT)
register("web:deleted-project", GET=EDIT, POST=EDIT)
register("web:run", GET=READ)
register("web:run-charts", GET=READ)
register("web:run-system", GET=READ)
register("web:run-logs", GET=READ)
register("web:run-code", GET=READ)
register("web:run-stop", POST=EDIT)
