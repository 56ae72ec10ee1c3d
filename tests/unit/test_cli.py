"""The command for people: every foreseeable mistake is answered in words, with an exit code, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = b'[{"name": "Noon", "slug": "noon", "day": 1, "time": "12:00"}]'
IMPORT = ("import", "meeting-guide", "-", "--centre=c", "--source=s", "--fellowship=AA")


def openchair(folder: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}",
            "OPENCHAIR_DATA": str(folder),
            "OPENCHAIR_TARGET": "127.0.0.1:1",
            **environ,
        },
        input=LIST,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "says"),
    [
        ((*IMPORT, "--timezone=UTC"), {}, 4, "no server answers at 127.0.0.1:1"),
        ((*IMPORT, "--timezone=Mars/X"), {}, 2, "--timezone"),
        ((*IMPORT, "--timezone=UTC"), {"OPENCHAIR_TARGET": "nonsense"}, 2, "OPENCHAIR_TARGET"),
        ((*IMPORT, "--timezone=UTC"), {"OPENCHAIR_TOKEN": "caf\u00e9"}, 2, "OPENCHAIR_TOKEN"),
        (("token", "--subject=kim", "--role=king"), {}, 2, "king"),
        (("token", "--subject=kim", "--role=member", "--minutes=90"), {}, 2, "an hour"),
        (("centre", "create", "c", "--title=C", "--timezone=UTC"), {"OPENCHAIR_TARGE": "x"}, 2, "OPENCHAIR_TARGET"),
    ],
)
def test_a_mistake_is_said_in_words(
    tmp_path: Path, arguments: tuple[str, ...], environ: dict[str, str], code: int, says: str
) -> None:
    ended, _, said = openchair(tmp_path, *arguments, **environ)
    assert (ended, "Traceback" in said) == (code, False)
    assert says in said


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    ended, _, said = openchair(place, "token", "--subject=kim", "--role=member")
    assert (ended, "Traceback" in said) == (1, False)
    assert "OPENCHAIR_DATA" in said


def test_a_key_that_others_may_read_is_named_and_not_taken_for_a_wrong_address(tmp_path: Path) -> None:
    openchair(tmp_path, "token", "--subject=kim", "--role=member")
    (tmp_path / "keys" / "token.key").chmod(0o644)
    ended, _, said = openchair(tmp_path, *IMPORT, "--timezone=UTC")
    assert (ended, "token.key" in said, "OPENCHAIR_TARGET" in said) == (1, True, False)


@pytest.mark.parametrize(("output", "code", "says"), [("| true", 0, ""), ("> /dev/full", 1, "No space left")])
def test_an_output_that_takes_no_more_is_no_traceback(tmp_path: Path, output: str, code: int, says: str) -> None:
    command = f"{sys.executable} -m services.cli token --subject kim --role member {output}; exit ${{PIPESTATUS[0]}}"
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}", "OPENCHAIR_DATA": str(tmp_path)}
    done = subprocess.run(["/bin/bash", "-c", command], cwd=ROOT, env=environ, capture_output=True, check=False)
    assert done.returncode == code
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert "Exception ignored" not in done.stderr.decode()
