"""Isoline's settings, in sections.

What a deployment chooses is read from the environment by the readers of `env`, and has its line in
docs/reference/settings.md.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from apps.operations.layout import APPLICATION_ROLE, Layout

from . import env
from .home import home_folder

BASE_DIR = Path(__file__).parent.parent
DEBUG = False

# --- Home and secret -----------------------------------------------------------------------------

HOME = home_folder()
_layout = Layout(HOME)


def _secret_key() -> str:
    """SECRET_KEY, else the file which the first `up` made; never one that others could know."""
    key = env.text("SECRET_KEY")
    if not key and _layout.secret_key.is_file():
        key = _layout.secret_key.read_text().strip()
    if key and (len(key) < 50 or len(set(key)) < 10 or key.startswith("django-insecure-")):
        raise ImproperlyConfigured("SECRET_KEY is known or too weak: it needs 50 random characters or more.")
    return key


SECRET_KEY = _secret_key()

# --- Applications --------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "apps.base",
    "apps.accounts",
    "apps.metrics",
    "apps.tracking",
    "apps.api",
    "apps.live",
    "apps.operations",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"

MIDDLEWARE = [
    "apps.base.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
    }
]

# --- Where it is reached -------------------------------------------------------------------------

_public_url = env.public_url("PUBLIC_URL") or env.PublicUrl("http", "localhost", "http://localhost:8000", "")
# What links in pages, mails and answers begin with; no last slash.
PUBLIC_URL = _public_url.origin + _public_url.path
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", _public_url.host, *env.words("ALLOWED_HOSTS")]
FORCE_SCRIPT_NAME = _public_url.path or None
CSRF_TRUSTED_ORIGINS = [_public_url.origin]
# Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed; uvicorn applies them.
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")
APPEND_SLASH = False

# --- Transport security --------------------------------------------------------------------------

_is_https = _public_url.scheme == "https"
SESSION_COOKIE_SECURE = _is_https
CSRF_COOKIE_SECURE = _is_https
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = _public_url.path or "/"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000, least=0, most=63_072_000) if _is_https else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- People --------------------------------------------------------------------------------------

if find_spec("apps.accounts.models"):
    AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Databases -----------------------------------------------------------------------------------

# Who is reading these settings: `web`, `worker`, `beat`, or a command.
PROCESS = os.environ.get("ISOLINE_PROCESS", "command")


def _database(url: env.DatabaseUrl) -> dict[str, Any]:
    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.name,
        "USER": url.user,
        "PASSWORD": url.password,
        "HOST": url.host,
        "PORT": url.port,
        "OPTIONS": {"connect_timeout": 5, **url.options},
        # A connection that outlived a restart of the server is noticed before it is used.
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": None,
    }
    if PROCESS == "web":
        # Each ASGI request has a thread of its own, and a thread's connection would end with it.
        database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 16, "timeout": 10}
        database["CONN_MAX_AGE"] = 0
    return database


DATABASES = {"default": _database(env.database_url("DATABASE_URL", _layout.database_url(APPLICATION_ROLE)))}
# The alias the metric engine names in every transaction; a database of its own only where one is given.
METRICS_DATABASE = "default"
if env.text("METRICS_DATABASE_URL"):
    METRICS_DATABASE = "metrics"
    DATABASES["metrics"] = _database(env.database_url("METRICS_DATABASE_URL", ""))
DATABASE_ROUTERS = ["apps.metrics.router.MetricsRouter"] if find_spec("apps.metrics.router") else []

# --- Redis: hints, queues and locks only ---------------------------------------------------------

REDIS_URL = env.redis_url("REDIS_URL", _layout.redis_url)

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "isoline",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "isoline"},
    }
}

# --- Celery --------------------------------------------------------------------------------------

# kombu's own name for a Redis behind a unix socket
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A web process that cannot reach Redis must not wait for it: the reconciler makes lost hints good.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "global_keyprefix": "isoline:",
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "isoline"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {}

# --- REST ----------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {}
SPECTACULAR_SETTINGS: dict[str, Any] = {"TITLE": "Isoline", "VERSION": "v1"}

# --- Files ---------------------------------------------------------------------------------------

BLOB_URL = env.text("BLOB_URL", f"file://{_layout.blobs}")
STATIC_URL = "static/"
# Served as they lie in the packages: an installation needs no collecting step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# --- Language and time ---------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

# --- Logs ----------------------------------------------------------------------------------------

LOG_FORMAT = env.choice("LOG_FORMAT", "text", among=("text", "json"))
LOG_LEVEL = env.choice("LOG_LEVEL", "info", among=("debug", "info", "warning", "error")).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "apps.operations.logs.LineFormatter", "process": PROCESS, "style": LOG_FORMAT}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Every refused request is a warning to Django; the access line already says so.
        "django.request": {"level": "ERROR"},
        "django.server": {"handlers": [], "propagate": False},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
LOGGING_CONFIG = "logging.config.dictConfig"
