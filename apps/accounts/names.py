"""The names of teams, keys and accounts.

A slug is an address and the `wandb` entity, so it has one spelling only; a display name is free.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from apps.base.errors import Invalid
from apps.base.ids import ALPHABET

SLUG_PATTERN = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$"
_SLUG = re.compile(SLUG_PATTERN)
# Control, format (zero width, bidi), surrogate, private, unassigned, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# First words of addresses: ours, and those the `wandb` and `mlflow` clients and old browsers ask for.
_RESERVED = """
    about accounts admin ajax-api api app apple-touch-icon artifacts artifactsv2 assets auth authorize
    blobs compare css dashboard docs download embed events explore export favicon files fonts get-artifact
    get-trace-artifact graphql guest health healthz help home icons img invitations invite js jobs join
    keys live login logout me media metrics mlflow model-versions models new notifications oauth oidc
    ping profile projects public readyz ready register registry reports robots run runs sdk search serve
    server-info session sessions settings setup share sign-in sign-out sign-up signin signout signup site
    sitemap sockets static status storage support sweeps system team teams upload user users v1 v2 version
    wandb webhooks well-known workspace workspaces ws www
"""
RESERVED_SLUGS = frozenset(_RESERVED.split())


def checked_slug(slug: str) -> str:
    """Return the slug if it is one.

    Nothing is bent into shape: letters that only look alike, other case, spaces and invisible
    characters are all refused, so two names never mean one team, nor one name two.

    Raises Invalid.
    """
    if not _SLUG.fullmatch(slug):
        raise Invalid(
            "A team's slug is 1 to 63 lower-case letters a-z, digits, hyphens and underscores, "
            "with a letter or digit at both ends.",
            code="bad_slug",
        )
    if slug in RESERVED_SLUGS:
        raise Invalid("That slug is reserved for addresses of the site.", code="reserved_slug")
    return slug


def slug_from_email(email: str) -> str:
    """Return a slug to begin with for a person's own team: `ada.okafor@lab.org` is `ada-okafor`."""
    slug = re.sub(r"[^a-z0-9_]+", "-", email.partition("@")[0].lower()).strip("-_")[:40].strip("-_")
    return slug if slug and slug not in RESERVED_SLUGS else varied(slug or "team")


def varied(slug: str) -> str:
    """Return the slug with an ending that makes it one of a million."""
    return f"{slug[:40]}-{''.join(secrets.choice(ALPHABET) for _ in range(4))}"


def clean_name(name: str, *, longest: int = 100) -> str:
    """Return a free name for display: NFC, no spaces around, nothing that hides or turns letters.

    Raises Invalid if nothing is left, it is too long, or it holds control or format characters.
    """
    clean = unicodedata.normalize("NFC", name).strip()
    if not clean or len(clean) > longest:
        raise Invalid(f"A name has 1 to {longest} characters.", code="bad_name")
    if any(unicodedata.category(letter) in _UNSEEN for letter in clean):
        raise Invalid("A name holds no control, formatting or invisible characters.", code="bad_name")
    return clean
