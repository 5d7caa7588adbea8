"""Typed readers of the environment. Nonsense stops the start with one line that names the variable."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """An empty variable counts as unset: compose files pass those on."""
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool) -> bool:
    value = text(name).lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return value in {"1", "true", "yes", "on"} if value else default
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int, *, least: int, most: int) -> int:
    value = text(name)
    try:
        number = int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name} must lie between {least} and {most}, not {number}.")
    return number


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or list(default)


def choice(name: str, default: str, *, among: tuple[str, ...]) -> str:
    value = text(name, default).lower()
    if value not in among:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(among)}, not {value!r}.")
    return value


@dataclass(frozen=True)
class PublicUrl:
    """What links are made from. path: the prefix the whole site lives under, without a last slash."""

    scheme: str
    host: str
    origin: str
    path: str


def public_url(name: str) -> PublicUrl | None:
    """An http(s) address without query: `https://isoline.example.org/lab`."""
    value = text(name)
    if not value:
        return None
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not an address: {value!r}.") from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or parts.username:
        raise ImproperlyConfigured(
            f"{name} must look like https://isoline.example.org or https://example.org/lab, not {value!r}."
        )
    return PublicUrl(parts.scheme, host, f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))


@dataclass(frozen=True)
class DatabaseUrl:
    """A libpq address taken apart. options: its query, passed on to libpq (`sslmode=verify-full`)."""

    user: str
    password: str
    host: str
    port: str
    name: str
    options: dict[str, str] = field(default_factory=dict)


def database_url(name: str, default: str) -> DatabaseUrl:
    """`postgresql://user:password@host:5432/name`, or `postgresql://user@/name?host=/socket/folder`.

    The value is never repeated in a refusal: it may hold a password.
    """
    try:
        parts = urlsplit(text(name, default))
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not an address.") from None
    database = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgresql", "postgres"} or not database:
        raise ImproperlyConfigured(f"{name} must look like postgresql://user:password@host:5432/name.")
    options = dict(parse_qsl(parts.query))
    return DatabaseUrl(
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=options.pop("host", "") or unquote(parts.hostname or ""),
        port=options.pop("port", "") or str(port or ""),
        name=database,
        options=options,
    )


@dataclass(frozen=True)
class MailServer:
    """host: "" where no mail is sent. is_tls: from the first byte; is_starttls: after a plain greeting."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    is_tls: bool = False
    is_starttls: bool = False


def mail_url(name: str) -> MailServer:
    """`smtps://user:password@host`, `smtp+starttls://…` or, on a trusted network, `smtp://…`.

    The value is never repeated in a refusal: it may hold a password.
    """
    ports = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
    if not text(name):
        return MailServer()
    try:
        parts = urlsplit(text(name))
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not an address.") from None
    if parts.scheme not in ports or not parts.hostname:
        raise ImproperlyConfigured(
            f"{name} must look like smtps://user:password@host; smtp+starttls:// and smtp:// are read too."
        )
    return MailServer(
        host=parts.hostname,
        port=port or ports[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_tls=parts.scheme == "smtps",
        is_starttls=parts.scheme == "smtp+starttls",
    )


def redis_url(name: str, default: str) -> str:
    value = text(name, default)
    if not value.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://.")
    return value
