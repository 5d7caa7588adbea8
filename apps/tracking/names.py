"""Names as people type them, and the one canonical form a slug has.

Two names that look alike must not be two things: text is brought to NFC and loses what cannot be seen
(zero-width and bidirectional marks); a slug is lower-case ASCII on top of that.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from apps.base.errors import Invalid

NAME_LENGTH = 500
SLUG_LENGTH = 128

# Words that are, or may become, a page of a team: a project of that name could never be reached.
_RESERVED = """
    admin api artifacts audit graphql healthz home invitations keys members models new projects
    readyz registry reports runs search settings static sweeps teams users
"""
RESERVED_SLUGS = frozenset(_RESERVED.split())

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9_])?")
_CONTROL = frozenset({"Cc", "Cs", "Cn", "Co"})

_ADJECTIVES = """
    amber ample autumn bold brave breezy bright brisk calm candid clear clever cosmic crimson crisp
    curious daring deep eager early earnest fair fine fleet fresh gentle gilded glad golden grand
    hardy hazy honest humble icy jolly keen kind late light lively lucid lunar mellow merry mild
    misty mossy neat nimble noble pale patient plain polar proud quick quiet rapid rare ripe robust
    rosy royal rustic sandy serene sharp silent silver sincere smooth snowy solar solid spry steady
    still stoic sunny swift tidal tidy vast vivid warm wild wise witty young zesty
"""
_NOUNS = """
    acorn alder anchor arbor arch aspen atoll aurora badger bay beacon birch bloom bramble breeze
    bridge brook canyon cedar cliff cloud comet coral cove crane creek crest dawn delta dune eagle
    ember falcon fern field finch fjord flint forest fox frost garden glacier glade grove harbor
    hawk heath heron hill horizon island jay juniper kestrel lagoon lake lantern larch leaf ledge
    lily lynx maple marsh meadow mesa moon moss oak ocean orchard otter owl peak pebble pine plateau
    pond prairie quartz rain raven reef ridge river robin rock sage shore sky slope snow spring
    spruce star stone stream summit thistle tide trail valley wave willow wind wolf wren
"""


def clean_name(text: str, *, what: str = "name", longest: int = NAME_LENGTH) -> str:
    """Return the name as it is stored: NFC, trimmed, without marks nobody can see.

    Raises Invalid `bad_name` if nothing is left, if it is too long, or holds control characters.
    """
    name = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf").strip()
    if not name or len(name) > longest or any(unicodedata.category(c) in _CONTROL for c in name):
        raise Invalid(
            f"A {what} has 1 to {longest} characters and no control characters.",
            code="bad_name",
            details={"field": what},
        )
    return name


def check_slug(text: str) -> str:
    """Return the slug if it is in canonical form.

    Raises Invalid `bad_slug`, which says what would be accepted; `reserved_slug` for a taken word.
    """
    if len(text) > SLUG_LENGTH or not _SLUG.fullmatch(text):
        raise Invalid(
            f"A slug has 1 to {SLUG_LENGTH} lower-case letters, digits, '.', '_' or '-', "
            "and begins and ends with a letter or a digit.",
            code="bad_slug",
            details={"field": "slug"},
        )
    if text in RESERVED_SLUGS:
        raise Invalid(
            "This slug is reserved. Any other is accepted.", code="reserved_slug", details={"field": "slug"}
        )
    return text


def slug_from(name: str) -> str:
    """Return the slug a name suggests. Names without a Latin letter or digit get a random one."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[: SLUG_LENGTH - 8].rstrip("-._")
    if not slug:
        return f"project-{secrets.token_hex(4)}"
    return f"{slug}-project" if slug in RESERVED_SLUGS else slug


def generated_run_name() -> str:
    """An adjective, a noun, a number: easy to say aloud, not promised to be unique."""
    return (
        f"{secrets.choice(_ADJECTIVES.split())}-{secrets.choice(_NOUNS.split())}-{1 + secrets.randbelow(999)}"
    )
