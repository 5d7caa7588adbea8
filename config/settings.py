"""Isoline's settings, in sections.

What a deployment chooses is read from the environment by the readers of `env`, and has its line in
docs/reference/settings.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from apps.accounts import beat as accounts_beat
from apps.metrics import beat as metrics_beat
from apps.operations.layout import APPLICATION_ROLE, OWNER_ROLE, Layout
from apps.tracking import beat as tracking_beat

from . import env
from .home import home_folder

BASE_DIR = Path(__file__).parent.parent
DEBUG = False
# Who reads these settings; manage.py says so.
PROCESS = os.environ.get("ISOLINE_PROCESS", "command")

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
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "apps.base",
    "apps.accounts",
    "apps.metrics",
    "apps.tracking",
    "apps.reports",
    "apps.api",
    "apps.live",
    "apps.web",
    "apps.operations",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
TASK_APPLICATION = "config.celery.app"

MIDDLEWARE = [
    "apps.base.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.web.static_files.StaticFilesMiddleware",
    "apps.web.compression.CompressionMiddleware",
    "apps.api.headers.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.web.middleware.PagesMiddleware",
    "apps.api.gate.GateMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.context.frame",
            ]
        },
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

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = f"{_public_url.path}/login"
LOGIN_REDIRECT_URL = f"{_public_url.path}/"
ACCOUNT_ADAPTER = "apps.web.account_adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A mail to an address without an account would tell its owner that somebody typed it.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
PASSWORD_RESET_TIMEOUT = 3600
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Mail ----------------------------------------------------------------------------------------

_mail = env.mail_url("EMAIL_URL")
# Without a mail server, mails are written to the log of the process that would send them.
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _mail.host else 'console'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.is_tls, _mail.is_starttls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"Isoline <isoline@{_public_url.host}>")

# --- Databases -----------------------------------------------------------------------------------


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
        # No question costs a reader more (DOS-3); a write that waits longer is refused and comes again.
        database["OPTIONS"]["options"] = f"{url.options.get('options', '')} -c statement_timeout=5s".strip()
        # Each ASGI request has a thread of its own, and a thread's connection would end with it.
        # Who gets none in two seconds is told to come again, be the server busy or its database away.
        database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 16, "timeout": 2}
        database["CONN_MAX_AGE"] = 0
    return database


def _database_url(name: str, default: str = "") -> env.DatabaseUrl:
    """The role for everyday work, or the one that owns the tables for those who change them."""
    owner_name = name.replace("DATABASE_URL", "DATABASE_OWNER_URL")
    if PROCESS in {"prepare", "migrate"} and env.text(owner_name):
        return env.database_url(owner_name, "")
    return env.database_url(name, default)


_embedded_role = OWNER_ROLE if PROCESS in {"prepare", "migrate"} else APPLICATION_ROLE
DATABASES = {"default": _database(_database_url("DATABASE_URL", _layout.database_url(_embedded_role)))}
# The alias the metric engine names in every transaction; a database of its own only where one is given.
METRICS_DATABASE = "default"
if env.text("METRICS_DATABASE_URL"):
    METRICS_DATABASE = "metrics"
    DATABASES["metrics"] = _database(_database_url("METRICS_DATABASE_URL"))
DATABASE_ROUTERS = ["apps.metrics.router.MetricsRouter"]

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
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    **accounts_beat.SCHEDULE,
    **metrics_beat.SCHEDULE,
    **tracking_beat.SCHEDULE,
}
# Tasks one worker runs at the same time.
WORKER_PROCESSES = env.integer("WORKER_PROCESSES", 2, least=1, most=64)

# --- Runs ----------------------------------------------------------------------------------------

# A run of which nothing was heard for so long is called crashed, until it speaks.
RUN_SILENCE_S = env.integer("RUN_SILENCE_S", 300, least=5, most=604_800)

# --- REST ----------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.api.authentication.CredentialAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.api.permission.Registered"],
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.api.negotiation.OneForm",
    "DEFAULT_SCHEMA_CLASS": "apps.api.schema.Schema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "apps.api.errors.answer",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Isoline",
    "DESCRIPTION": "Teams, projects, runs, their metrics, records and logs.",
    "VERSION": "v1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": False,
    "ENUM_NAME_OVERRIDES": {
        "ActorKindEnum": "apps.api.v1.me.ACTOR_KINDS",
        "ColumnKindEnum": ["f64", "i64", "bool"],
        "ViewOwnerEnum": ["mine", "team"],
        "RoleEnum": "apps.api.v1.teams.ROLE_WORDS",
        "RunStateEnum": "apps.tracking.models.run.Run.State",
        "ServiceAccountRoleEnum": "apps.api.v1.service_accounts.ROLE_WORDS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.schema.describe_errors",
    ],
}
# The byte limiter in front of Django has counted already; up to this much of a body stays in memory.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
FILE_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
CSRF_FAILURE_VIEW = "apps.api.errors.csrf_failure"

# --- Rates; 0 is no limit ------------------------------------------------------------------------

LIMIT_POINTS_PER_S = env.integer("LIMIT_POINTS_PER_S", 0, least=0, most=1_000_000_000)  # of a team
LIMIT_BYTES_PER_S = env.integer("LIMIT_BYTES_PER_S", 0, least=0, most=100_000_000_000)  # of a team
LIMIT_REQUESTS_PER_S = env.integer("LIMIT_REQUESTS_PER_S", 2000, least=0, most=1_000_000)  # of a key on a run

# --- Files ---------------------------------------------------------------------------------------

BLOB_URL = env.text("BLOB_URL", f"file://{_layout.blobs}")
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
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
        # Ticks that came too late to matter are dropped by design.
        "celery.worker.request": {"level": "WARNING"},
    },
}
LOGGING_CONFIG = "logging.config.dictConfig"
