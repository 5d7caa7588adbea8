from django.db import migrations


class Migration(migrations.Migration):
    """Record blocks are compressed already: PostgreSQL need not try again."""

    dependencies = [("tracking", "0001_projects_and_runs")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE tracking_recordsegment ALTER COLUMN data SET STORAGE EXTERNAL",
            "ALTER TABLE tracking_recordsegment ALTER COLUMN data SET STORAGE EXTENDED",
        ),
        # Fields of live runs are rewritten all the time: vacuum by the number of changes, not a fifth of the table.
        migrations.RunSQL(
            "ALTER TABLE tracking_runfield SET (autovacuum_vacuum_scale_factor = 0.02,"
            " autovacuum_analyze_scale_factor = 0.02)",
            "ALTER TABLE tracking_runfield RESET (autovacuum_vacuum_scale_factor,"
            " autovacuum_analyze_scale_factor)",
        ),
    ]
