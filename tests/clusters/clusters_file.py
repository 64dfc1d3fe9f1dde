"""A clusters file in the making, for the tests that bend it."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.config import ClusterConfig, ConfigError, load

CILOGON = {
    "issuer": "https://cilogon.org",
    "client_id": "cilogon:/client_id/1",
    "prefix": "",
    "pattern": "^http://cilogon[.]org/server[A-Z]/users/[0-9]+$",
}
EXAMPLE = {"issuer": "https://idp.example.edu", "client_id": "berth-kubectl", "prefix": "example:"}
CLUSTER = {
    "name": "nautilus",
    "title": "Nautilus",
    "server": "https://127.0.0.1:16443",
    "certificate_authority_file": "pki/ca.crt",
    "credentials": {
        "worker": "credentials/worker.kubeconfig",
        "observer": "credentials/observer.kubeconfig",
        "reaper": "/elsewhere/reaper.kubeconfig",
    },
    "issuers": [CILOGON],
}


class Facts:
    """A clusters file in the making."""

    def __init__(self, directory: Path, authority: Path) -> None:
        self.path = directory / "clusters.yaml"
        (directory / "pki").mkdir()
        shutil.copy(authority / "ca.crt", directory / "pki" / "ca.crt")
        self.cluster: dict[str, Any] = copy.deepcopy(CLUSTER)

    @property
    def issuer(self) -> dict[str, Any]:
        return self.cluster["issuers"][0]  # type: ignore[no-any-return]

    def write(self, **top: Any) -> Path:
        self.path.write_text(yaml.safe_dump({"clusters": [self.cluster], **top}))
        return self.path

    def load(self) -> ClusterConfig:
        return load(self.write())["nautilus"]

    def refusal(self) -> str:
        with pytest.raises(ConfigError) as raised:
            load(self.write())
        text = str(raised.value)
        assert text.startswith(f"{self.path}: ")
        return text.removeprefix(f"{self.path}: ")
