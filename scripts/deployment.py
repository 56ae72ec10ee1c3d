"""Writes what docker-compose.yml needs and no repository holds: passwords, keys, folders. Once; what is there stays.

deployment.py FOLDER, with OPENCHAIR_PUBLIC_URL and OPENCHAIR_SITE in the environment.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

from services.kit.auth import load_or_make_keys
from services.kit.credentials import write_private
from services.kit.host import users_of
from services.kit.provisioning import Listening, write_config
from services.kit.settings import Settings, SettingsError, read
from services.plans import PLANS

NOBODY = 10001
"""Who containers run as where root prepares them; else they run as who does."""
DATA = ("mongodb", "mongodb-config", "streams", "backups", "backups-rsvps")
BROKER = Listening("0.0.0.0", 4222, 8222, "/data")  # noqa: S104 - inside its container, in a network of its own


def prepare(folder: Path, settings: Settings) -> None:
    """Writes what is missing. Raises OSError, ValueError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_config(folder / "nats", f"openchair-{settings.site}", users_of(PLANS, settings.site), BROKER)
    load_or_make_keys(folder / "keys")
    _secrets(folder / "secrets")
    for name in DATA:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    user = _owned(folder)
    lines = {
        "COMPOSE_PROJECT_NAME": "openchair",
        "OPENCHAIR_PUBLIC_URL": settings.public_url,
        "OPENCHAIR_SITE": settings.site,
        "SITE_FOLDER": folder,
        "SITE_USER": user,
    }
    (folder / "compose.env").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))


def _secrets(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    _once(folder / "mongodb_root", secrets.token_urlsafe(32))
    _once(folder / "mongodb_keyfile", secrets.token_hex(256))  # 6 to 1024 characters of base64
    for user, end in (("openchair", ""), ("openchair-rsvps", "_rsvps")):
        password = _once(folder / f"mongodb_password{end}", secrets.token_urlsafe(32))
        url = f"mongodb://{user}:{password}@mongodb:27017/?replicaSet=rs0&authSource=admin"
        _once(folder / f"mongodb_url{end}", url)
    _once(folder / "page_secret", secrets.token_urlsafe(48))
    _once(folder / "guest_secret", f"1 {base64.b64encode(secrets.token_bytes(32)).decode()}\n")


def _once(path: Path, text: str) -> str:
    """What the file says; without one, it is made of the text."""
    if not path.exists():
        write_private(path, text)
    return path.read_text()


def _owned(folder: Path) -> str:
    """Who containers run as: whoever owns the files, and never root."""
    if os.geteuid() != 0:
        return f"{os.geteuid()}:{os.getegid()}"
    made = [folder, *(folder / name for name in DATA)]
    for name in ("nats", "keys", "secrets"):
        made += [folder / name, *(folder / name).rglob("*")]
    for path in made:
        os.chown(path, NOBODY, NOBODY)
    return f"{NOBODY}:{NOBODY}"


def _stated(folder: Path) -> Settings:
    """The settings; what is not stated is as it was the last time. Raises SettingsError, also without an address."""
    lines = (folder / "compose.env").read_text().splitlines() if (folder / "compose.env").exists() else []
    before = dict(line.split("=", 1) for line in lines if line.startswith("OPENCHAIR_"))
    settings = read({**before, **os.environ})
    if settings.public_url is None:
        raise SettingsError(["OPENCHAIR_PUBLIC_URL is needed: the address of the site, https://..."])
    return settings


def main() -> None:
    """Entry point."""
    try:
        folder = Path(sys.argv[1]).absolute()
        prepare(folder, _stated(folder))
    except SettingsError as error:
        print("openchair:", *error.problems, sep="\n  ", file=sys.stderr)
        raise SystemExit(2) from None
    except (OSError, ValueError) as error:
        print(f"openchair: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
