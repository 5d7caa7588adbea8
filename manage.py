#!/usr/bin/env python
"""Isoline's command line: `python manage.py up` starts everything."""

import os
import sys

from config.home import take_home_option

# What a command is for decides its database role, whether it pools connections, and how its logs are signed.
_PROCESSES = {"web", "worker", "beat", "prepare", "migrate"}


def main() -> None:
    take_home_option(sys.argv)
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "up":
        # The supervisor outlives every process it starts, so it stays small: no Django in it.
        from apps.operations.up import main as up

        sys.exit(up(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["ISOLINE_PROCESS"] = name if name in _PROCESSES else "command"

    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        settings.PROCESS  # noqa: B018 - a wrong setting is told in one line, before anything starts
    except ImproperlyConfigured as refusal:
        sys.exit(f"isoline: {refusal}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
