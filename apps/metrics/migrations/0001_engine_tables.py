
import django.contrib.postgres.fields
from django.db import migrations, models


# Payloads and columns are compressed already, and `substring` reads one column of many only where it lies
# uncompressed. Facts are rewritten by every fold: kept in the row, compressed, up to 8 KB.
STORAGE = """
ALTER TABLE metrics_batch ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE metrics_segment ALTER axis SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL,
    ALTER envelope SET STORAGE EXTERNAL;
ALTER TABLE metrics_envelope ALTER envelope SET STORAGE EXTERNAL;
ALTER TABLE metrics_archive ALTER data SET STORAGE EXTERNAL;
ALTER TABLE metrics_receipt ALTER digests SET STORAGE MAIN;
ALTER TABLE metrics_facts ALTER facts SET STORAGE MAIN;
"""

# Rows that each batch or fold updates find room on their own page (HOT: no index is touched), and
# what the inbox deletes is cleared away by the thousand rows, not by a share of the table.
UPKEEP = """
ALTER TABLE metrics_stream SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000);
ALTER TABLE metrics_cursor SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000);
ALTER TABLE metrics_head SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000);
ALTER TABLE metrics_facts SET (fillfactor = 50, toast_tuple_target = 8160,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 1000);
ALTER TABLE metrics_receipt SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000);
ALTER TABLE metrics_batch SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000,
    toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE metrics_segment SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
    toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 10000);
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Archive',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'block', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('block', models.IntegerField()),
                ('id', models.BigIntegerField()),
                ('members', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('rows', models.IntegerField()),
                ('points', models.BigIntegerField()),
                ('data', models.BinaryField()),
                ('reason', models.TextField()),
                ('archived_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Cursor',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'stream', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('stream', models.IntegerField()),
                ('seq', models.BigIntegerField()),
                ('next_row', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Envelope',
            fields=[
                ('run', models.BigIntegerField()),
                ('block', models.IntegerField()),
                ('id', models.BigIntegerField()),
                ('members', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('rows', models.BigIntegerField()),
                ('step_min', models.BigIntegerField()),
                ('step_max', models.BigIntegerField()),
                ('time_min', models.BigIntegerField()),
                ('time_max', models.BigIntegerField()),
                ('first_time', models.BigIntegerField()),
                ('last_time', models.BigIntegerField()),
                ('widest_step', models.BigIntegerField()),
                ('widest_time', models.BigIntegerField()),
                ('parent', models.BigIntegerField(null=True)),
                ('parent_widest_step', models.BigIntegerField(null=True)),
                ('parent_widest_time', models.BigIntegerField(null=True)),
                ('parent_step_max', models.BigIntegerField(null=True)),
                ('pk', models.CompositePrimaryKey('run', 'block', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('tier', models.SmallIntegerField()),
                ('kinds', models.TextField()),
                ('buckets', models.IntegerField()),
                ('envelope', models.BinaryField()),
                ('envelope_offsets', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('parent__isnull', True)), fields=['run', 'block', 'tier'], name='metrics_envelope_bare')],
            },
        ),
        migrations.CreateModel(
            name='Facts',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'block', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('block', models.IntegerField()),
                ('facts', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='Link',
            fields=[
                ('run', models.BigIntegerField(primary_key=True, serialize=False)),
                ('parent', models.BigIntegerField()),
                ('upto_step', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='Lost',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'stream', 'first', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('stream', models.IntegerField()),
                ('first', models.BigIntegerField()),
                ('last', models.BigIntegerField()),
                ('noticed_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'stream', 'part', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('stream', models.IntegerField()),
                ('part', models.BigIntegerField()),
                ('digests', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'stream', 'seq', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('stream', models.IntegerField()),
                ('seq', models.BigIntegerField()),
                ('payload', models.BinaryField()),
                ('encoding', models.TextField()),
                ('digest', models.BinaryField()),
                ('rows', models.IntegerField()),
                ('points', models.IntegerField()),
                ('has_records', models.BooleanField()),
                ('mode', models.SmallIntegerField(choices=[(0, 'Plain'), (1, 'Append At'), (2, 'Overwrite')], default=0)),
                ('unique_points', models.BooleanField(default=False)),
                ('row_offset', models.BigIntegerField(default=0)),
                ('row_span', models.BigIntegerField(default=0)),
                ('received_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['received_at'], name='metrics_batch_received'), models.Index(condition=models.Q(('has_records', True)), fields=['run', 'stream', 'seq'], name='metrics_batch_records')],
            },
        ),
        migrations.CreateModel(
            name='Head',
            fields=[
                ('run', models.BigIntegerField(primary_key=True, serialize=False)),
                ('generation', models.BigIntegerField(default=0)),
                ('next_segment', models.BigIntegerField(default=0)),
                ('next_metric', models.IntegerField(default=0)),
                ('names_digest', models.BinaryField(default=b'')),
                ('folds', models.BigIntegerField(default=0)),
                ('points', models.BigIntegerField(default=0)),
                ('receipts_until', models.DateTimeField(null=True)),
                ('purged_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('receipts_until__isnull', False)), fields=['receipts_until'], name='metrics_head_receipts')],
            },
        ),
        migrations.CreateModel(
            name='Metric',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('number', models.IntegerField()),
                ('name', models.TextField()),
                ('kind', models.TextField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'name', 'kind'), name='metrics_metric_name')],
            },
        ),
        migrations.CreateModel(
            name='Rejection',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'stream', 'seq', 'ordinal', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('stream', models.IntegerField()),
                ('seq', models.BigIntegerField()),
                ('ordinal', models.IntegerField()),
                ('code', models.TextField()),
                ('key', models.TextField()),
                ('count', models.BigIntegerField()),
                ('message', models.TextField()),
                ('is_told', models.BooleanField()),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('is_told', False)), fields=['run', 'stream'], name='metrics_rejection_untold')],
            },
        ),
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('run', models.BigIntegerField()),
                ('block', models.IntegerField()),
                ('id', models.BigIntegerField()),
                ('members', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('rows', models.BigIntegerField()),
                ('step_min', models.BigIntegerField()),
                ('step_max', models.BigIntegerField()),
                ('time_min', models.BigIntegerField()),
                ('time_max', models.BigIntegerField()),
                ('first_time', models.BigIntegerField()),
                ('last_time', models.BigIntegerField()),
                ('widest_step', models.BigIntegerField()),
                ('widest_time', models.BigIntegerField()),
                ('parent', models.BigIntegerField(null=True)),
                ('parent_widest_step', models.BigIntegerField(null=True)),
                ('parent_widest_time', models.BigIntegerField(null=True)),
                ('parent_step_max', models.BigIntegerField(null=True)),
                ('pk', models.CompositePrimaryKey('run', 'block', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('level', models.SmallIntegerField()),
                ('epoch', models.BigIntegerField()),
                ('longest', models.IntegerField()),
                ('points', models.IntegerField()),
                ('kinds', models.TextField()),
                ('is_columnar', models.BooleanField()),
                ('axis', models.BinaryField()),
                ('data', models.BinaryField()),
                ('offsets', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('envelope', models.BinaryField()),
                ('envelope_offsets', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('level__lt', 100)), fields=['run', 'block', 'level'], name='metrics_segment_open'),
                    models.Index(condition=models.Q(('level', 100), ('parent__isnull', True)), fields=['run', 'block'], name='metrics_segment_bare')],
            },
        ),
        migrations.CreateModel(
            name='Stream',
            fields=[
                ('pk', models.CompositePrimaryKey('run', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run', models.BigIntegerField()),
                ('number', models.IntegerField()),
                ('key', models.UUIDField()),
                ('next_seq', models.BigIntegerField(default=0)),
                ('next_row', models.BigIntegerField(default=0)),
                ('records_seq', models.BigIntegerField(default=0)),
                ('is_numbered_here', models.BooleanField(default=False)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'key'), name='metrics_stream_key')],
            },
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(UPKEEP, migrations.RunSQL.noop),
    ]
