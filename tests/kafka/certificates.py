"""Certificates made for one run of the tests, by the `openssl` command: nothing of them is worth keeping."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
[req]
prompt = no
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[named]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${ENV::SAN}
[issuer]
default_ca = issuing
[issuing]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
"""


class OpensslUnavailable(Exception):
    """There is no `openssl` command."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority in a folder of its own. `ca` is its certificate. Keys are elliptic: made in no time."""

    def __init__(self, folder: Path, name: str = "wirewatch tests") -> None:
        if shutil.which("openssl") is None:
            raise OpensslUnavailable("the openssl command is needed to make certificates for the tests")
        self._folder = folder
        folder.mkdir(parents=True)
        (folder / "openssl.cnf").write_text(_CONFIG)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._openssl("req", "-x509", *self._new("ca", name), "-extensions", "ca", "-days", "2", "-out", str(self.ca))

    def issue(
        self, name: str, *, hosts: str = "", file: str = "", valid: tuple[str, str] = ("20200101000000Z", "")
    ) -> Pair:
        """A certificate with the common name `name`; `hosts` as in `DNS:localhost,IP:127.0.0.1`.

        `file` names the files, by default as `name` does: an existing one is written anew. `valid`: from and until,
        by default until the day after tomorrow.
        """
        stem = file or name
        made = Pair(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        request = self._folder / f"{stem}.csr"
        self._openssl("req", *self._new(stem, name), "-out", str(request))
        until = ["-enddate", valid[1]] if valid[1] else ["-days", "2"]
        extensions = ["-extensions", "named" if hosts else "leaf"]
        signing = [
            "-name",
            "issuing",
            "-cert",
            str(self.ca),
            "-keyfile",
            str(self._key),
            "-startdate",
            valid[0],
            *until,
        ]
        written = ["-batch", "-notext", "-in", str(request), "-out", str(made.certificate)]
        self._openssl("ca", *signing, *extensions, *written, hosts=hosts)
        return made

    def _new(self, stem: str, name: str) -> list[str]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        return [*curve, "-keyout", str(self._folder / f"{stem}.key"), "-subj", f"/CN={name}"]

    def _openssl(self, command: str, *arguments: str, hosts: str = "") -> None:
        done = subprocess.run(
            ["openssl", command, "-config", "openssl.cnf", *arguments],
            cwd=self._folder,
            env={"SAN": hosts or "DNS:localhost"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"openssl {command}: {done.stderr}"
