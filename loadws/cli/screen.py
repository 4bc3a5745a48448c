"""Printing, also where it is impossible: a log on a full disk, a reader that has gone, a stream that was never open.

A line that cannot be printed never ends a command or a run. The descriptors of stdout and stderr are guarded while a
command runs: output that fails is dropped, and that is reported at the end.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from loadws.report.pipelines.harmless import harmless, is_at_start
from loadws.report.pipelines.services import find_service
from loadws.report.plain import SIGNS, asks_for_ascii
from loadws.terms.errors import ExitCode

#: The reader went away: ``loadws run … | head``, or a terminal that closed. That is not reported.
_GONE = (errno.EPIPE, errno.EIO)


class Output:
    """Stdout and stderr of one command.

    ``is_product`` is False where the command has other results besides its output: the verdict of a run, files.
    """

    def __init__(self) -> None:
        self.is_product = True
        self.is_of_ci = False  # whether a CI service reads commands from what is printed
        self._stdout: _Descriptor | None = None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Keep everything that is printed within from raising ``OSError``."""
        _open_what_is_closed()
        self.is_of_ci = find_service("auto", os.environ).service is not None
        before = sys.stdout, sys.stderr
        self._stdout, sys.stdout = _guarded(sys.stdout)
        has_ascii = asks_for_ascii(os.environ, bool(sys.flags.utf8_mode))
        _, sys.stderr = _guarded(sys.stderr, "ascii" if has_ascii else None, SIGNS)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = before

    def command(self, line: str, to_stderr: bool = False) -> None:
        """Print a line that is meant as a command to a CI service, which reads both streams."""
        stream = sys.stderr if to_stderr else sys.stdout
        if isinstance(stream, _Printed):
            stream.write_command(f"{line}\n")
        else:
            print(line, file=stream)

    def ended(self, code: int) -> int:
        """Return the exit code of a command that ended with ``code``, after a message on stderr where stdout failed."""
        sys.stdout.flush()
        error = self._stdout.error if self._stdout is not None else None
        if error is None or error.errno in _GONE:
            return code
        print(f"loadws: not all could be printed: stdout cannot be written: {error.strerror}", file=sys.stderr)
        return int(ExitCode.USAGE) if code == ExitCode.PASSED and self.is_product else code


#: The command that runs.
OUTPUT = Output()


class _Descriptor(io.FileIO):
    """A file whose writes never fail; ``error`` is the first error."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        if self.error is None:
            try:
                while (written := super().write(data)) is None:  # non-blocking, set by another process that shares it
                    select.select((), (self,), ())
                return written
            except OSError as error:
                self.error = error
        return len(data)


class _Printed(io.TextIOWrapper):
    """A text stream on which nothing becomes a command to a CI service that is not meant as one."""

    _at_start = True

    def write(self, text: str) -> int:
        if not OUTPUT.is_of_ci:
            return super().write(text)
        shown = harmless(text, self._at_start)
        self._at_start = is_at_start(text, self._at_start)
        super().write(shown)
        return len(text)

    def write_command(self, line: str) -> None:
        """Write a whole line as it is, at the beginning of a line."""
        super().write(line if self._at_start else f"\n{line}")
        self._at_start = True


def _guarded(
    stream: TextIO, encoding: str | None = None, errors: str = "backslashreplace"
) -> tuple[_Descriptor | None, TextIO]:
    """Return a stream with a descriptor that never fails; the same stream where it has none of its own, as in tests.

    ``encoding`` None: that of the stream. ``errors``: how characters are shown that its encoding does not have.
    """
    if not isinstance(stream, io.TextIOWrapper):
        return None, stream
    stream.reconfigure(encoding=encoding, errors=errors)
    try:
        stream.flush()
        descriptor = _Descriptor(stream.fileno(), "wb", closefd=False)
    except (OSError, ValueError):
        return None, stream
    if sys.platform == "win32" and descriptor.isatty():  # a console is no file there
        return None, stream
    return descriptor, _Printed(
        descriptor if stream.write_through else io.BufferedWriter(descriptor),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _open_what_is_closed() -> None:
    """Open /dev/null for a closed stdin, stdout or stderr, because the next file to be opened would get its number."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None or sys.stderr is None:
        nothing = open(os.devnull, "w")  # noqa: SIM115, PTH123 - stays open
        sys.stdout, sys.stderr = sys.stdout or nothing, sys.stderr or nothing
