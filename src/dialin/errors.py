"""Every error dialin raises, in one tree.

::

    DialinError                      exit code 1
    ├── UsageError                   2   an option or argument cannot be understood
    │   ├── RecipeError              8   a recipe that cannot be read, or says what none can say
    │   ├── ModelError               9   a model folder that cannot be read, or does not fit
    │   └── MissingPackageError     11   an optional package is not installed
    ├── AudioError                   3   audio that cannot be used (NaN, empty, silent, odd shape)
    │   └── AudioFileError           3   a file that cannot be read or written as audio
    ├── EffectError                  4   an effect, whatever the reason
    │   ├── EffectNotFoundError      4   nothing is installed under that name
    │   ├── EffectLoadError          4   it is there, but the host cannot open it
    │   ├── ParameterError           4   no such parameter, or a value outside its range
    │   └── RenderError              5   it loaded, but a render failed
    │       ├── RenderCrashError     5   the worker process died while rendering
    │       ├── RenderTimeoutError   5   the render outran its deadline
    │       ├── NonFiniteOutputError 5   the effect returned NaN or infinity
    │       └── QuarantinedError     5   refused: this effect failed too often
    ├── PresetError                  6   a preset that cannot be read, or does not fit its effect
    ├── OutputError                  7   the result cannot be written (read-only, full, exists)
    ├── WorkerError                  1   a worker process died, hung or did not start
    └── UnexpectedError              1   a fault of dialin's own, where other work goes on

Messages say what happened, with which value, what was allowed and what to do next. ``code`` is
a stable word a program can branch on; ``exit_code`` is what the command line exits with.
"""

from __future__ import annotations

import errno

__all__ = [
    "AudioError",
    "AudioFileError",
    "DialinError",
    "EffectError",
    "EffectLoadError",
    "EffectNotFoundError",
    "MissingPackageError",
    "ModelError",
    "NonFiniteOutputError",
    "OutputError",
    "ParameterError",
    "PresetError",
    "QuarantinedError",
    "RecipeError",
    "RenderCrashError",
    "RenderError",
    "RenderTimeoutError",
    "TrainingError",
    "UnexpectedError",
    "UsageError",
    "WorkerError",
]


class DialinError(Exception):
    """Base of all errors that dialin raises on purpose."""

    code = "error"
    exit_code = 1

    def to_dict(self) -> dict[str, str]:
        """Plain data for JSON."""
        return {"code": self.code, "message": str(self)}


class UsageError(DialinError):
    """An option or argument cannot be understood."""

    code = "usage"
    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be read, or says something that no such recipe can say."""

    code = "recipe"
    exit_code = 8


class ModelError(UsageError):
    """A model folder that cannot be read, or a model that does not fit what it is used for."""

    code = "model"
    exit_code = 9


class MissingPackageError(UsageError):
    """What was asked for needs a package that is not installed; the message says which."""

    code = "missing-package"
    exit_code = 11


class TrainingError(DialinError):
    """Training that leads nowhere: its loss or weights are no numbers any more."""

    code = "training"
    exit_code = 10


class AudioError(DialinError, ValueError):
    """Audio that cannot be used: not finite, empty, silent, or of a wrong shape or rate."""

    code = "audio"
    exit_code = 3


class AudioFileError(AudioError):
    """A file that cannot be read or written as audio."""

    code = "audio-file"


class EffectError(DialinError):
    """Something is wrong with an effect."""

    code = "effect"
    exit_code = 4


class EffectNotFoundError(EffectError):
    """Nothing is installed under that name or path."""

    code = "effect-not-found"


class EffectLoadError(EffectError):
    """The plugin exists but its host cannot open it as an effect."""

    code = "effect-load"


class ParameterError(EffectError, ValueError):
    """No such parameter, or a value outside what it allows."""

    code = "parameter"


class RenderError(EffectError):
    """An effect loaded, but a render failed."""

    code = "render"
    exit_code = 5


class RenderCrashError(RenderError):
    """The worker process died while this effect was loading or rendering."""

    code = "render-crash"


class RenderTimeoutError(RenderError):
    """Loading or rendering outran its deadline."""

    code = "render-timeout"


class NonFiniteOutputError(RenderError):
    """The effect returned NaN or infinite samples."""

    code = "render-non-finite"


class QuarantinedError(RenderError):
    """The effect failed too often in this program and is refused from now on."""

    code = "render-quarantined"


class PresetError(DialinError):
    """A preset that cannot be read, or that does not fit the effect it names."""

    code = "preset"
    exit_code = 6


class OutputError(DialinError):
    """The result cannot be written where it was asked for."""

    code = "output"
    exit_code = 7


class UnexpectedError(DialinError):
    """A fault of dialin's own, told instead of raised where the work on other files goes on."""

    code = "unexpected"

    @classmethod
    def of(cls, error: Exception) -> DialinError:
        """Any error as one of dialin's; those that are so already come back as they are.

        Parameters
        ----------
        error : Exception
            Whatever was raised.

        Returns
        -------
        DialinError
            Not raised; the caller decides.
        """
        if isinstance(error, DialinError):
            return error
        if isinstance(error, OSError) and error.errno in _FULL:
            return OutputError(f"{error}; make room and run it again")
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        new = cls(
            f"something went wrong inside dialin ({reason}); this is a bug. "
            "`dialin --debug ...` shows where: please send that with your report"
        )
        new.__cause__ = error
        return new


_FULL = (errno.ENOSPC, errno.EDQUOT)


class WorkerError(DialinError):
    """A worker process died, hung, or did not start; no effect is to blame."""

    code = "worker"
