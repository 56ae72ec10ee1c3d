"""A repository with versions of this project to install and to upgrade to, and a stand-in for systemd.

The versions are the code as it is here, with a change each. Their environments are this one, linked instead of fetched:
a network is not what these tests are about. `systemctl` is a script that starts and stops the real program by the
rules of the unit file, because there is no systemd in a container.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from services.kit.natsd import find_server
from tests.system.running import ROOT, System, environment, until

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS = ("deploy", "gen", "requirements", "scripts", "services", "pyproject.toml", ".env.example")

CAREFUL = 0o077
"""The umask of a root who lets nobody read what it makes."""

_MAKEFILE = """\
.venv/.run:
\t@{python} -m venv --without-pip .venv
\t@printf '%s\\n' '{packages}' "$(CURDIR)" "$(CURDIR)/gen" >"$$(echo .venv/lib/python3*/site-packages)/here.pth"
\t@ln -s '{broker}' .venv/bin/nats-server
\t@printf '%s\\n' "#!$(CURDIR)/.venv/bin/python" 'from services.cli.__main__ import main' 'main()' >.venv/bin/openchair
\t@chmod +x .venv/bin/openchair
\t@touch $@
"""

_SYSTEMCTL = """\
#!{python}
# systemctl start|stop UNIT: the one line of the unit that matters, its program, in its folder, with its settings.
import os, signal, subprocess, sys, time
from pathlib import Path
what, unit = sys.argv[1:]
root, mark = Path("{root}"), Path("{root}/pid")
print(what, unit, file=open(root / "asked", "a"))
if what == "start":
    lines = (root / "etc/openchair/openchair.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    current = root / "opt/openchair/current"
    with open(root / "journal", "ab") as journal:
        process = subprocess.Popen(
            [str(current / ".venv/bin/python"), "-m", "services.everything"], cwd=current.resolve(),
            env={{"PATH": os.environ["PATH"], **settings}}, stdin=subprocess.DEVNULL, stdout=journal, stderr=journal,
            start_new_session=True,
        )
    mark.write_text(str(process.pid))
elif mark.exists():
    pid = int(mark.read_text())
    mark.unlink()
    try:
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.05)
    except OSError:
        pass
"""


def outside(changes: Mapping[str, str]) -> dict[str, str]:
    """An environment that shows programs nothing of this checkout, however these tests were started."""
    return {name: value for name, value in environment(changes).items() if name != "PYTHONPATH"}


class Origin:
    """Where versions come from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source, target = ROOT / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        packages = sysconfig.get_path("purelib")
        (folder / "Makefile").write_text(
            _MAKEFILE.format(python=sys.executable, packages=packages, broker=find_server())
        )
        (folder / ".gitignore").write_text(".venv/\n__pycache__/\n")
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit("The first version")

    def git(self, *arguments: str) -> str:
        """What git says."""
        who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", "-C", str(self.folder), *who, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str, changes: Mapping[str, str] | None = None) -> str:
        """A version: texts put at the end of files. Its commit."""
        for path, text in (changes or {}).items():
            with (self.folder / path).open("a") as file:
                file.write(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


class Computer:
    """One that deploy/install.sh installs on: everything below one folder."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        self.root = folder
        self.origin = origin
        self.opt = folder / "opt/openchair"
        self.data = folder / "var/lib/openchair"
        self.settings = folder / "etc/openchair/openchair.env"
        self.system = System(folder / "looking")  # whose ports are ours
        self.system.data, self.system.keys = self.data, self.data / "keys"
        self.system.environ["OPENCHAIR_DATA"] = str(self.data)
        self.programs = folder / "programs"

    def install(self) -> subprocess.CompletedProcess[str]:
        """Runs deploy/install.sh."""
        command = ["sh", str(self.origin.folder / "deploy/install.sh"), "chairs.example.org"]
        environ = outside({"DESTDIR": str(self.root)})
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, umask=CAREFUL)

    def unreadable(self) -> list[Path]:
        """What of the code the user of the service could not read."""
        folders = [self.opt, self.opt / "releases", *self.opt.glob("releases/*/services"), *self.opt.glob("releases/*")]
        files = [path for path in self.opt.glob("releases/*/.venv/bin/*") if path.is_file()]
        modes = {path: path.stat().st_mode for path in (*folders, *files)}
        return [path for path, mode in modes.items() if not mode & stat.S_IROTH]

    def furnish(self) -> None:
        """Ports of its own, and a systemctl."""
        with self.settings.open("a") as file:
            file.write(f"OPENCHAIR_HTTP_PORT={self.system.http_port}\nOPENCHAIR_GRPC_PORT={self.system.grpc_port}\n")
        self.programs.mkdir()
        script = self.programs / "systemctl"
        script.write_text(_SYSTEMCTL.format(python=sys.executable, root=self.root))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def systemctl(self, what: str) -> None:
        """As systemd does it when the computer starts or stops."""
        subprocess.run([str(self.programs / "systemctl"), what, "openchair"], check=True)

    def start(self) -> None:
        """Comes back when it is ready."""
        self.systemctl("start")
        until(lambda: self.system.readiness().ready, "it is ready")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`openchair`, as it was installed."""
        environ = outside({"PATH": f"{self.programs}:{os.environ['PATH']}"})
        command = [str(self.root / "usr/local/bin/openchair"), *arguments]
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=150, check=False, umask=CAREFUL
        )

    @property
    def current(self) -> str:
        """The commit that runs, as far as its folder says it."""
        return (self.opt / "current").resolve().name

    def clean(self) -> None:
        """Ends what still runs."""
        if (self.root / "pid").exists():
            pid = int((self.root / "pid").read_text())
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            until(lambda: not Path(f"/proc/{pid}/cwd").exists(), "it is gone")
