#!/usr/bin/env python
"""Isoline's command line: `python manage.py up` starts everything."""

import sys

from config.home import take_home_option


def main() -> None:
    take_home_option(sys.argv)
    if sys.argv[1:2] == ["up"]:
        # The supervisor outlives every process it starts, so it stays small: no Django in it.
        from apps.operations.up import main as up

        sys.exit(up(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
