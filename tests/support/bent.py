"""A tenant's process with one thing bent on purpose: what a mutant looks like from outside."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import yaml

from infra.targets.services import answers, wait_until
from tenants.keyring import tenant_keys
from tests.support.cloud import Cloud
from tests.support.postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
PLAIN = "import sys; from systems.__main__ import main; sys.exit(main())"


@contextmanager
def bent(
    cloud: Cloud, code: str, username: str, *, database_of: str = "", realm_of: str = "", first: str = ""
) -> Iterator[httpx2.Client]:
    """A clerk at the registry of `code`, served by a process that is bent.

    It works on the database of `database_of`, trusts the realm of `realm_of`, and runs the statement `first` before it starts.
    The clerk's token comes from the realm that the process trusts.
    """
    settings = yaml.safe_load((cloud.home.run / "processes" / f"{code}-mynumber.yaml").read_text())
    other = {each: yaml.safe_load((cloud.home.run / "processes" / f"{each}-mynumber.yaml").read_text()) for each in cloud.towns()}
    if database_of:
        settings |= {key: other[database_of][key] for key in ("database_name", "database_role")}
    if realm_of:
        settings |= {key: other[realm_of][key] for key in ("issuer", "jwks_url", "audience")}
    settings["port"] = free_port()
    file = cloud.home.run / "processes" / f"bent-{settings['port']}.yaml"
    file.write_text(yaml.safe_dump(settings, allow_unicode=True))
    keys = tenant_keys(cloud.home, database_of or code)
    secrets = {"MCLOUD_DATABASE_PASSWORD": keys.mynumber_password, "MCLOUD_DATA_KEY": keys.data_key}
    secrets |= {"MCLOUD_BLIND_INDEX_KEY": keys.blind_index_key, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"{first}\n{PLAIN}", str(file)]
    process = subprocess.Popen(command, env=os.environ | secrets, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{settings['port']}"
    headers = {"Authorization": f"Bearer {cloud.token(realm_of or code, username)}", "X-Purpose": "inquiry"}
    try:
        wait_until(lambda: answers(f"{base}/health"), "the bent process", 60)
        with httpx2.Client(base_url=f"{base}/resident-registry", headers=headers, timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)
        file.unlink()
