from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string


class OperationsConfig(AppConfig):
    name = "apps.operations"
    label = "operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Whoever sends a task needs the application to be known, not only the worker.
        import_string(settings.TASK_APPLICATION)
