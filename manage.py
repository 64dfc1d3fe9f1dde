#!/usr/bin/env python
"""Run Berth's management commands."""

import os
import sys


def main() -> None:
    """Run the command that was asked for; what ends it early is said without showing the inside."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        # Here, because loading takes long enough for a Ctrl-C.
        from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
        from django.core.management import execute_from_command_line  # noqa: PLC0415
        from django.db import InterfaceError, OperationalError  # noqa: PLC0415

        try:
            " ".join(sys.argv).encode()
        except UnicodeEncodeError:
            sys.exit("berth: an argument is not UTF-8")
        try:
            execute_from_command_line(sys.argv)
        except ImproperlyConfigured as error:
            sys.exit(f"berth: {error}")
        except (OperationalError, InterfaceError) as error:
            sys.exit(f"berth: the database cannot be used: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell reports for a program that Ctrl-C ended


if __name__ == "__main__":
    main()
