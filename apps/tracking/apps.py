from django.apps import AppConfig


class TrackingConfig(AppConfig):
    name = "apps.tracking"
    label = "tracking"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.metrics import signals as engine

        from . import heartbeat, records

        engine.records_pending.connect(records.on_records_pending, dispatch_uid="tracking.records")
        engine.batch_appended.connect(heartbeat.on_batch_appended, dispatch_uid="tracking.heartbeat")
