from typing import Any

from django.db import migrations

_BATCH = 5000


def mark_due(apps: Any, schema_editor: Any) -> None:
    """Have the runs projected once more, which notes their step. Batched; can be rerun."""
    runs = apps.get_model("tracking", "Run").objects.using(schema_editor.connection.alias)
    unknown = runs.filter(last_step=None, fields_version__gt=0)
    while batch := list(unknown.values_list("pk", flat=True)[:_BATCH]):
        runs.filter(pk__in=batch).update(fields_due=True, fields_version=0)


class Migration(migrations.Migration):
    """Runs that were projected before they had a last step."""

    atomic = False
    dependencies = [("tracking", "0004_run_last_step")]

    operations = [migrations.RunPython(mark_due, migrations.RunPython.noop, elidable=True)]
