"""An installation as deploy/install.sh lays it out: a repository, a folder for each version, and which one is current.

/opt/openchair/repo        where versions are fetched to
/opt/openchair/releases/   a folder for each, with an environment of its own
/opt/openchair/current     a link to the one that runs
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from services.cli.shell import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHORT = 12
"""How much of a commit's name a release's folder has."""
HERE = Path(__file__).resolve().parents[2]


class Owner(NamedTuple):
    """Who a process runs as."""

    user: int
    group: int


class Installation:
    """One that is upgraded. Raises Failure where this program does not run from one."""

    def __init__(self, release: Path = HERE) -> None:
        self.root = release.parent.parent
        self.repo = self.root / "repo"
        self.current = self.root / "current"
        if not (self.repo / ".git").exists() or self.current.resolve() != release:
            raise Failure(
                f"{release} is no installation of deploy/install.sh, so there is nothing to go back to: stop it, `git"
                " pull`, `make run`"
            )

    @property
    def commit(self) -> str:
        """The version that runs."""
        return self.git("rev-parse", "HEAD", folder=self.current)

    def fetched(self, wanted: str) -> str:
        """The commit of a tag or branch, or of the newest there is ("") once it was asked for. Raises Failure."""
        self.git("fetch", "--quiet", "--tags", "--force", "origin")
        names = [f"refs/tags/{wanted}", f"refs/remotes/origin/{wanted}"] if wanted else ["refs/remotes/origin/HEAD"]
        for name in names:
            found = self._tried("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if found.returncode == 0:
                return found.stdout.strip()
        raise Failure(f"there is no version {wanted!r}" if wanted else "nobody says which version is the newest: --to")

    def follows(self, newer: str, older: str) -> bool:
        """Whether one version came of the other."""
        return self._tried("merge-base", "--is-ancestor", older, newer).returncode == 0

    def news(self, older: str, newer: str) -> list[str]:
        """What was done between two versions, a line each, the newest first."""
        return self.git("log", "--no-decorate", "--format=%h %cs %s", f"{older}..{newer}").splitlines()

    def folder(self, commit: str) -> Path:
        """Where a version is, or would be."""
        return self.root / "releases" / commit[:SHORT]

    def prepared(self, commit: str) -> Path:
        """The version's folder, with all that it needs to run. Raises Failure."""
        folder = self.folder(commit)
        if not (folder / ".git").exists():
            self.git("worktree", "prune")
            self.git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        obey(["make", "--no-print-directory", "-C", str(folder), ".venv/.run"])
        return folder

    def switch(self, folder: Path) -> None:
        """Makes this version the current one, in one step."""
        link = self.root / "current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(folder.relative_to(self.root))
        link.replace(self.current)

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        """What git says. Raises Failure, with git's own words."""
        done = self._tried(*arguments, folder=folder)
        if done.returncode:
            raise Failure(f"git {arguments[0]}: {done.stderr.strip() or done.returncode}")
        return done.stdout.strip()

    def _tried(self, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - arguments of our own, and a version that is part of a name
            ["git", "-C", str(folder or self.repo), *arguments],  # noqa: S607 - as every command here
            capture_output=True,
            text=True,
            check=False,
        )


def obey(
    command: Sequence[str],
    environ: Mapping[str, str] | None = None,
    owner: Owner | None = None,
    cwd: Path | None = None,
) -> None:
    """Runs a command whose output a person needs only where it fails. Raises Failure with that."""
    done = subprocess.run(  # noqa: S603 - commands of our own
        command,
        env=environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **as_owner(owner),
    )
    if done.returncode:
        raise Failure(f"{' '.join(command[:3])} failed ({done.returncode}):\n{done.stdout[-4000:].rstrip()}")


def as_owner(owner: Owner | None) -> dict[str, Any]:
    """What subprocess wants to hear of who it is done as; nothing for who we are already."""
    return {} if owner is None else {"user": owner.user, "group": owner.group, "extra_groups": []}
