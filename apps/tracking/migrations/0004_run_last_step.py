from django.db import migrations, models


class Migration(migrations.Migration):
    """How far a run is, as something to show, filter and sort by."""

    dependencies = [("tracking", "0003_run_fields_failures")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="last_step",
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
    ]
