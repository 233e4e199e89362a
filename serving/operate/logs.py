"""Logs: everything that any library says in this process goes through one pipe, as one line each on standard error.

**No line holds personal data.** Exceptions are told by their kind and the places in the code, without messages that may
quote what they failed on; fields that could hold a request or a lead are dropped; long texts are cut.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, Processor

from leadlight.serving.operate.request_log import REQUEST_ID
from leadlight.serving.store.plain_error import frames, plain

__all__ = ["LogFormat", "LogLevel", "configure"]

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_LONGEST: Final = 500
"""Characters of a text that are kept; a traceback, which quotes only our own code, may be as long as it is."""

_FIELDS: Final = frozenset(
    {
        *("event", "level", "logger", "timestamp", "exception", "request_id", "method", "route", "status"),
        *("milliseconds", "key_id", "process"),
    }
)
"""What every line may hold. Other fields are kept where they are numbers or flags: these name nobody."""

_TOLD: Final = "_leadlight_told"
_log = logging.getLogger("leadlight.serving")


def configure(level: LogLevel = "info", form: LogFormat = "json") -> None:
    """Send all logs of this process to standard error; whatever was set up before is undone.

    Our own loggers speak from ``level`` up, those of libraries from warnings up: at finer levels they quote what they
    work on.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error"}
    form : {"json", "console"}
        One JSON object a line, or lines for a person.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form))
    handler.addFilter(_passes)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    least = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(least, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "sqlalchemy", "alembic", "asyncio"):
        _through_root(logging.getLogger(name))
    logging.getLogger("leadlight").setLevel(least)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def _passes(record: logging.LogRecord) -> bool:
    """Write errors that stand within a message without what they may quote; tell each failed request once only."""
    if isinstance(record.args, tuple):
        record.args = tuple(plain(one) if isinstance(one, BaseException) else one for one in record.args)
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return True
    told_before = hasattr(error, _TOLD)
    with contextlib.suppress(AttributeError):  # of a class that takes no attributes
        setattr(error, _TOLD, True)
    return not (told_before and record.name == "uvicorn.error")  # what an app answers, it raises to uvicorn as well


def _through_root(logger: logging.Logger) -> None:
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def _formatter(form: LogFormat) -> structlog.stdlib.ProcessorFormatter:
    last: Processor
    if form == "json":
        last = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        last = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_PROCESSORS],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


def _add_request(_: object, __: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event["request_id"] = request_id
    return event


def _tell_exception(_: object, __: str, event: EventDict) -> EventDict:
    """Put an exception's kind and places where its message would be."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["exception"] = frames(error)
    record: logging.LogRecord | None = event.get("_record")
    if record is not None:
        record.exc_info = record.exc_text = None  # else the formatter writes the message behind the line
    return event


def _first_line_only(_: object, __: str, event: EventDict) -> EventDict:
    """Cut what asyncio adds below its first line: the task's result and the exception's message."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _without_personal_data(_: object, __: str, event: EventDict) -> EventDict:
    """Keep what is known to name nobody; cut what is long."""
    kept: MutableMapping[str, Any] = {}
    for name, value in event.items():
        if name.startswith("_") or name == "exception":  # structlog's own
            kept[name] = value
        elif isinstance(value, BaseException):
            kept[name] = plain(value)
        elif isinstance(value, bool | int | float | None):
            kept[name] = value
        elif name in _FIELDS:
            kept[name] = str(value)[:_LONGEST]
    return kept


_PROCESSORS: Final[tuple[Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_request,
    _tell_exception,
    _first_line_only,
    _without_personal_data,
)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _log.critical("the process ends", exc_info=error.with_traceback(trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None and not isinstance(found.exc_value, SystemExit):
        _log.error("a thread ended", exc_info=found.exc_value)


def _unraisable(found: Any) -> None:
    _log.error("an error that could not be raised", exc_info=found.exc_value)
