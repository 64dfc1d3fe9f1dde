"""Logs: one event per line, as JSON in production, never with a secret."""

from __future__ import annotations

import logging.config
import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_KEYS = re.compile(
    r"(?i)(authorization|cookie|password|passwd|secret|token|^code$|^state$|nonce|verifier|api[_-]?key|kubeconfig)"
)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_QUERY = re.compile(r"(?i)([?&](?:code|state|token|id_token|access_token)=)[^&\s\"']+")
_INVITATION = re.compile(r"(?i)((?:/|%2F)invitations(?:/|%2F)[0-9a-f-]{36}(?:/|%2F)\d+(?:/|%2F))[\w-]+")
_HIDDEN = "[hidden]"
_MAX_VALUE = 256
_MAX_TRACEBACK = 20_000


def hide_secrets(text: str) -> str:
    """Return the text without anything shaped like a token or a credential."""
    text = _JWT.sub(_HIDDEN, text)
    text = _BEARER.sub(lambda match: f"{match.group(1)} {_HIDDEN}", text)
    text = _INVITATION.sub(lambda match: match.group(1) + _HIDDEN, text)
    return _QUERY.sub(lambda match: match.group(1) + _HIDDEN, text)


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide secrets by the name of their field and by their shape, and cut long values."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = _HIDDEN
        elif isinstance(value, str):
            limit = _MAX_TRACEBACK if key in ("exception", "stack") else _MAX_VALUE
            hidden = hide_secrets(value)
            event[key] = hidden if len(hidden) <= limit else hidden[:limit] + "…"
    return event


def _without_traceback_of_theirs(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop the traceback of a request that was refused (4xx): it tells of nothing that we could mend."""
    record = event.get("_record")
    refused = record is not None and (
        getattr(record, "status_code", 500) < 500 or record.name.startswith("django.security")
    )
    if refused:
        event.pop("exc_info", None)
    return event


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    _without_traceback_of_theirs,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _redact,
]


def logging_configuration(log_format: str) -> dict[str, Any]:
    """Return the dictionary for `logging.config`; `log_format` is `json` or `console`."""
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=False)
        if log_format == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": "structlog.stdlib.ProcessorFormatter",
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # DEBUG of these prints headers and bodies, tokens included.
            "kubernetes": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "oauthlib": {"level": "WARNING"},
            "requests_oauthlib": {"level": "WARNING"},
            "django.server": {"level": "WARNING"},
        },
    }


def configure_logging(configuration: dict[str, Any]) -> None:
    """Set up the standard library's logging and structlog, once per process."""
    logging.config.dictConfig(configuration)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
