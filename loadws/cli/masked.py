"""Mask secrets in what a command prints when it fails: messages, advice and tracebacks."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from loadws.terms.errors import ExitCode, LoadwsError
from loadws.terms.masker import Masker

DEFECT = "this is a defect of loadws, not of your scenario; please report the lines above"


class Defect(LoadwsError):
    """A mistake of loadws itself. Its traceback was printed."""

    exit_code = ExitCode.DEFECT


@contextmanager
def masked_errors(masker: Masker) -> Iterator[None]:
    """Mask the secrets in every error raised within.

    Raises:
        LoadwsError: That of the code within, masked.
        Defect: Any other exception, after its masked traceback was printed.
    """
    try:
        yield
    except LoadwsError as error:
        error.mask(masker.text)
        raise
    except Exception:
        print_defect(masker)
        raise Defect(DEFECT) from None


def print_defect(masker: Masker) -> None:
    """Print the traceback of the exception that is being handled."""
    print(masker.text(traceback.format_exc()), file=sys.stderr)
