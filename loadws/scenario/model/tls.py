"""TLS contexts from ``tls``: the settings that make a context, and the files behind them.

Contexts are made here, so that ``validate`` finds faults by the same code as a run.

A context costs (OpenSSL 3.0, one core): 0.1 ms and 13 KB bare, 0.3 ms with a CA file of one certificate, 0.5 ms more with a
client certificate and its key; with the whole system store 19 ms and 800 KB. Where there are many contexts, one for each
client certificate, the system's certificates are therefore looked up in its folder when a server shows one (0.1 ms), not
loaded.
"""

import os
import ssl
from pathlib import Path
from typing import Literal

import msgspec

from loadws.terms.errors import LoadwsError

TlsVersion = Literal["1.2", "1.3"]
_VERSIONS: dict[TlsVersion, ssl.TLSVersion] = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
FileKey = Literal["ca", "certificate", "key", "key_password"]

UNVERIFIED = (
    "Certificates are not verified (tls: {verify: false}): whatever answered may not be the server that was meant."
)


class TlsFileError(LoadwsError):
    """A file of ``tls`` cannot be used; ``key`` is the key that names it."""

    def __init__(self, key: FileKey, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.key = key


class TlsSettings(msgspec.Struct, frozen=True):
    """The settings in which contexts differ, with templates evaluated. Paths are relative to the scenario."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = None
    verify: bool = True
    minimum_version: TlsVersion = "1.2"


def make_context(settings: TlsSettings, base: Path, *, is_one_of_many: bool = False) -> ssl.SSLContext:
    """Return a client's context; ``base`` is the folder that paths are relative to. Raises ``TlsFileError``.

    ``is_one_of_many``: see above. Renegotiation is refused: a server that asks for one handshake after another would keep
    the generator busy.
    """
    context = _trusting(settings, base, lazily=is_one_of_many)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.minimum_version = _VERSIONS[settings.minimum_version]
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.certificate is not None:
        _load_certificate(context, settings, base)
    return context


def _trusting(settings: TlsSettings, base: Path, *, lazily: bool) -> ssl.SSLContext:
    if settings.ca is not None:
        return _with_ca(settings.ca, base)
    if not settings.verify:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    folder = ssl.get_default_verify_paths().capath
    if lazily and folder is not None and "SSL_CERT_FILE" not in os.environ and _is_hashed(folder):
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context()


def _with_ca(name: str, base: Path) -> ssl.SSLContext:
    _read("ca", name, base)
    try:
        return ssl.create_default_context(cafile=base / name)
    except (ssl.SSLError, OSError) as error:
        raise TlsFileError("ca", f"the file {name!r} holds no certificate that can be read", _pem(error)) from None


def _is_hashed(folder: str) -> bool:
    """Return whether OpenSSL can look up certificates in a folder: their names are hashes, made by ``openssl rehash``."""
    with os.scandir(folder) as entries:
        return any(entry.name.endswith(".0") for entry in entries)


def _load_certificate(context: ssl.SSLContext, settings: TlsSettings, base: Path) -> None:
    """Load a certificate and its key. An empty password keeps OpenSSL from asking for one at the terminal.

    Raises:
        TlsFileError: The files are not a certificate and its key.
    """
    certificate, key = settings.certificate or "", settings.key or settings.certificate or ""
    where: FileKey = "certificate" if settings.key is None else "key"
    if "-----BEGIN CERTIFICATE" not in _read("certificate", certificate, base):
        raise TlsFileError("certificate", f"the file {certificate!r} holds no certificate", "it should be PEM")
    if "PRIVATE KEY-----" not in (content := _read(where, key, base)):
        raise TlsFileError(where, f"the file {key!r} holds no private key", "name it under key, as PEM")
    try:
        context.load_cert_chain(base / certificate, base / key, settings.key_password or "")
    except ssl.SSLError as error:
        refused = _refused(error, settings, where, is_locked="ENCRYPTED" in content)
        raise refused from None
    except (OSError, ValueError) as error:
        raise TlsFileError("certificate", f"the file {certificate!r} cannot be read: {error}") from None


def _refused(error: ssl.SSLError, settings: TlsSettings, where: FileKey, *, is_locked: bool) -> TlsFileError:
    key = settings.key or settings.certificate
    if error.reason == "KEY_VALUES_MISMATCH":
        message = f"the key {key!r} is not the one of the certificate {settings.certificate!r}"
        return TlsFileError(where, message)
    if is_locked and settings.key_password is None:
        return TlsFileError(
            where, f"the key {key!r} is locked with a password", "say it: key_password: ${KEY_PASSWORD}"
        )
    if is_locked:
        return TlsFileError("key_password", f"the password does not open the key {key!r}")
    return TlsFileError("certificate", f"the certificate {settings.certificate!r} cannot be used", _pem(error))


def _read(key: FileKey, name: str, base: Path) -> str:
    """Return the text of a file. A pipe or device is not opened, because that could wait for ever.

    Raises:
        TlsFileError: The file cannot be read.
    """
    file = base / name
    try:
        if file.exists() and not file.is_file():
            reason = "it is not a file"
        else:
            return file.read_bytes().decode("ascii", "replace")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except ValueError:  # a NUL in the name
        reason = "no file can have this name"
    raise TlsFileError(key, f"the file {name!r} cannot be read: {reason}", "paths are relative to the scenario")


def _pem(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return f"it should be PEM ({str(reason).lower().replace('_', ' ')})" if reason else "it should be PEM"
