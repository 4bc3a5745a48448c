"""``tls``: the files behind it, and what stands beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from loadws.scenario.build import Loaded, load_text
from loadws.scenario.yaml.explain import ScenarioError

AUTHORITY = trustme.CA()
ADA, BOB = AUTHORITY.issue_cert("ada"), AUTHORITY.issue_cert("bob")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, leaf in (("ada", ADA), ("bob", BOB)):
        leaf.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    ADA.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    key = load_pem_private_key(ADA.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame"))
    (tmp_path / "locked.key").write_bytes(locked)
    (tmp_path / "users.csv").write_text("cert,key\nada.pem,ada.key\nbob.pem,bob.key\n")
    return tmp_path


def load(folder: Path, tls: str, connect: str = "") -> Loaded:
    text = (
        "target: wss://localhost\nload: [{users: 1, for: 1s}]\ndata: {users: {file: users.csv}}\n"
        f"connection: {{tls: {{{tls}}}}}\nflow: [{{connect: {{{connect}}}}}]\n"
    )
    return load_text(text, folder / "s.yaml", env={})


@pytest.mark.parametrize(
    "tls",
    [
        "ca: ca.pem",
        "certificate: ada.pem, key: ada.key",
        "certificate: both.pem",  # the key is in the same file
        "certificate: ada.pem, key: locked.key, key_password: open sesame",
        'certificate: "{{ users.cert }}", key: "{{ users.key }}"',
        "server_name: chat.test",
        'server_name: "::1"',
        "minimum_version: 1.3",  # a number in YAML
        'minimum_version: "1.2"',
        "resume: false",
    ],
)
def test_what_is_right(folder: Path, tls: str) -> None:
    assert load(folder, tls).warnings == ()


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        ("ca: none.pem", "tls.ca: the file 'none.pem' cannot be read: no such file or directory"),
        ("ca: ada.key", "tls.ca: the file 'ada.key' holds no certificate that can be read"),
        ("certificate: ada.pem", "tls.certificate: the file 'ada.pem' holds no private key"),
        ("certificate: ada.key, key: ada.key", "tls.certificate: the file 'ada.key' holds no certificate"),
        ("certificate: ada.pem, key: ada.pem", "tls.key: the file 'ada.pem' holds no private key"),
        ("certificate: ada.pem, key: none.key", "tls.key: the file 'none.key' cannot be read"),
        (
            "certificate: ada.pem, key: bob.key",
            "tls.key: the key 'bob.key' is not the one of the certificate 'ada.pem'",
        ),
        ("certificate: ada.pem, key: locked.key", "tls.key: the key 'locked.key' is locked with a password"),
        (
            "certificate: ada.pem, key: locked.key, key_password: guess",
            "tls.key_password: the password does not open the key 'locked.key'",
        ),
        ("key: ada.key", "tls.key: there is a key and no certificate"),
        ('certificate: "{{ users.cret }}"', "the data 'users' has no column 'cret'"),
        ('certificate: "{{ nobody.cert }}"', "unknown variable 'nobody'"),
        ("server_name: wss://chat.test", "a server name is a host name or an address, without scheme and port"),
        ("server_name: chat.test:443", "a server name is a host name or an address, without scheme and port"),
        ("minimum_version: 1.1", "minimum_version"),
    ],
)
def test_what_is_wrong(folder: Path, tls: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        load(folder, tls)
    assert message in str(error.value)


def test_a_connect_replaces_key_by_key(folder: Path) -> None:
    load(folder, "ca: ca.pem, certificate: ada.pem, key: ada.key", "tls: {certificate: bob.pem, key: bob.key}")
    with pytest.raises(ScenarioError, match=r"the key 'ada\.key' is not the one of the certificate 'bob\.pem'"):
        load(folder, "ca: ca.pem, certificate: ada.pem, key: ada.key", "tls: {certificate: bob.pem}")


def test_no_verification_is_warned_of_wherever_it_is_said(folder: Path) -> None:
    [general] = load(folder, "verify: false").warnings
    assert "Certificates are not verified" in str(general)
    [one] = load(folder, "", "tls: {verify: false}").warnings
    assert "Certificates are not verified" in str(one)
    assert load(folder, "verify: false", "tls: {verify: true}").warnings != ()
