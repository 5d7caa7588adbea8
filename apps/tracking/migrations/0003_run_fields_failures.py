from django.db import migrations, models


class Migration(migrations.Migration):
    """Runs that cannot be projected are tried again less and less often."""

    dependencies = [("tracking", "0002_record_data_external")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="fields_failures",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
    ]
