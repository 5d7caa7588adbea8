"""The Celery application; each app's `tasks.py` is found by itself."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from celery import Celery

app = Celery("isoline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
