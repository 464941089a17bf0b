"""Every error a user can meet, one type per boundary.

    RungError
    ├── ConfigError     settings, flags, names
    ├── TraceError      reading and redacting logs
    ├── TaskError       task folders, examples, splits, scorers
    ├── EngineError     models and servers
    ├── FormError       schemas and forms
    ├── TrainError      training and adapters
    ├── GateError       holdouts, receipts, verdicts
    ├── StoreError      the store and its files
    └── GatewayError    serving

A message says what was being done and the offending value; the hint says what to type next.
The command line prints both in one line, without a traceback, and exits with `exit_code`.
A failed example is a row, never one of these. Bugs stay plain Python errors.
"""

from __future__ import annotations


class RungError(Exception):
    """A mistake or an outage the user can act on."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(RungError):
    """A setting, flag or name that does not exist or does not fit."""


class TraceError(RungError):
    """A log that cannot be read."""


class TaskError(RungError):
    """A task folder, example file, split or scorer that cannot be used."""


class EngineError(RungError):
    """A model or server that cannot answer.

    `retryable` is true for outages that may pass (time-out, 429, 5xx) and false for
    set-up mistakes (wrong key, unknown model, corrupt file). `of_input` is true when this one
    input is at fault (it does not fit the context): other inputs may still be answered.
    `refused` names the capability that this model will not honour in this request (a field of
    `Capabilities`): the same request without it may be answered. `rejected` is true when a server
    refuses a request as it stands (400): what this input says, or what all requests share, is at
    fault, and only other inputs tell which.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        of_input: bool = False,
        refused: str = "",
        rejected: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable
        self.of_input = of_input
        self.refused = refused
        self.rejected = rejected


class FormError(RungError):
    """A schema that no form can express, or a form used against its schema.

    `path` and `keyword` name what cannot be expressed, where one keyword is the reason.
    """

    def __init__(self, message: str, *, hint: str = "", path: str = "", keyword: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.keyword = keyword


class TrainError(RungError):
    """A training run that cannot start or go on."""


class GateError(RungError):
    """A holdout, receipt or comparison that cannot be trusted."""


class StoreError(RungError):
    """A file or database that cannot be read or written."""


class GatewayError(RungError):
    """A serving set-up that cannot run."""


def reason_of(error: Exception) -> str:
    """Return why a file could not be read or written, without codecs and numbers of errors."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.object[error.start]:#04x} at {error.start} is not UTF-8 text"
    return str(error)
