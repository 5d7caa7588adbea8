"""Sends the engine's tables to the alias `settings.METRICS_DATABASE`, whatever database that is."""

from __future__ import annotations

from typing import Any

from django.conf import settings

APP_LABEL = "metrics"


class MetricsRouter:
    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return settings.METRICS_DATABASE if model._meta.app_label == APP_LABEL else None

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool | None:
        """No foreign key leaves the engine, and none enters it."""
        if APP_LABEL in {one._meta.app_label, other._meta.app_label}:
            return bool(one._meta.app_label == other._meta.app_label)
        return None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if app_label == APP_LABEL:
            return db == settings.METRICS_DATABASE
        # A database that is the engine's own holds nothing else.
        return False if db == settings.METRICS_DATABASE != "default" else None
