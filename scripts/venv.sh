#!/bin/sh
# Makes a virtual environment: scripts/venv.sh FOLDER. Finds a Python from 3.11 on, and says in one line what is missing.
set -eu
folder=$1

# The oldest supported Python first: it is the one CI runs.
for name in python3.11 python3 python3.12 python3.13 python3.14; do
  if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found="${found:-} $name"
  fi
done
if [ -z "${found:-}" ]; then
  echo "Openchair needs Python 3.11 or newer, and there is none on PATH." >&2
  exit 1
fi

# --clear: half a folder, left by a run that was stopped, is made again.
for name in $found; do
  if "$name" -c 'import ensurepip, venv' 2>/dev/null && "$name" -m venv --clear "$folder"; then
    exit 0
  fi
done

# Debian and Ubuntu keep venv in a package of its own.
name=${found# }
name=${name%% *}
package="$("$name" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
install="apt-get install -y --no-install-recommends $package"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "This Python cannot make virtual environments. Type this once, then try again:  sudo $install" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
$install -qq >/dev/null
"$name" -m venv --clear "$folder"
