"""How the web server runs, in the demonstration and in production alike. gunicorn reads this file by itself."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings

from portal.start import refuse_unsafe_settings

wsgi_app = "portal.wsgi:application"
bind = settings.BIND
workers = settings.WEB_PROCESSES
worker_class = "gthread"
threads = settings.WEB_THREADS
preload_app = True
timeout = 30
graceful_timeout = 20
max_requests = 5000
max_requests_jitter = 500
control_socket_disable = True
# Who may say under which address and scheme a request came in: the front server only.
forwarder_headers = ""  # nobody says under which path we are
forwarded_allow_ips = ",".join(settings.PROXY_ADDRESSES)
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  (a heartbeat, not data)
# Lines of the server itself look like those of the application.
logconfig_dict = {
    **settings.LOGGING,
    "loggers": {
        **settings.LOGGING["loggers"],
        # Its warnings are of requests that it could not read, and hold them as they came, codes of logins included.
        "gunicorn.error": {"level": "ERROR", "handlers": ["stderr"], "propagate": False},
        "gunicorn.access": {"level": "ERROR", "handlers": ["stderr"], "propagate": False},
    },
}


def on_starting(server: Any) -> None:
    """Refuse unsafe settings before the first request."""
    refuse_unsafe_settings()
