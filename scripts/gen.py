"""Generates the stubs in gen/ from protos/. `--check` only says whether the committed ones are in step."""

from __future__ import annotations

import filecmp
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]  # it carries no types

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = Path(sys.executable).parent  # those of this environment, whether or not it is activated


def generate(target: Path) -> None:
    """Writes messages, services and their types for every proto below protos/ to `target`."""
    protos = sorted(str(path) for path in (ROOT / "protos").rglob("*.proto"))
    wellknown = str(resources.files("grpc_tools") / "_proto")
    status = protoc.main(
        [
            "protoc",
            f"-I{ROOT / 'protos'}",
            f"-I{wellknown}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            *(f"--plugin={name}={PLUGINS / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")),
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet,only_async:{target}",
            *protos,
        ]
    )
    if status != 0:
        raise SystemExit(status)
    for folder in [path for path in target.rglob("*") if path.is_dir()]:
        (folder / "__init__.py").touch()


def differences(left: Path, right: Path) -> list[str]:
    """Names of the files below either folder that are not the same in both."""
    names = {path.relative_to(root) for root in (left, right) for path in root.rglob("*.py*") if path.suffix != ".pyc"}
    return sorted(
        str(name)
        for name in names
        if not (
            (left / name).exists() and (right / name).exists() and filecmp.cmp(left / name, right / name, shallow=False)
        )
    )


def main() -> None:
    """Entry point."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        changed = differences(fresh, ROOT / "gen")
        if "--check" in sys.argv[1:]:
            if changed:
                raise SystemExit(f"gen/ is not in step with protos/ (make gen): {', '.join(changed)}")
            return
        shutil.rmtree(ROOT / "gen", ignore_errors=True)
        shutil.copytree(fresh, ROOT / "gen")
        print(f"{len(changed)} files written to gen/")


if __name__ == "__main__":
    main()
