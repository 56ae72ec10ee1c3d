#!/bin/sh
# Installs Openchair on one computer with Debian: everything in one process, started with the computer, and Caddy in
# front, which gets certificates by itself. As root, in a folder with the project:
#
#     sh deploy/install.sh chairs.example.org
#
# The name has to lead to this computer already, and its ports 80 and 443 have to be reached from outside. Called again
# it mends what is missing and keeps what is there: data, settings, the version that runs (openchair upgrade changes it).
# DESTDIR=/some/folder puts all files below that folder and touches nothing else: no package, no user, no service.
set -eu
umask 022 # the code is read by the user openchair; what is not for everybody gets its own mode below

say() { printf '%s\n' "== $*"; }
fail() { printf '%s\n' "openchair: $*" >&2; exit 1; }

domain=${1:-}
case $domain in
  "" | -* | *[!a-z0-9.-]*) fail "say the name of the site, in small letters: sh deploy/install.sh chairs.example.org" ;;
esac
root=${DESTDIR:-}
source=$(cd "$(dirname "$0")/.." && pwd)
opt=$root/opt/openchair etc=$root/etc/openchair data=$root/var/lib/openchair

if [ -z "$root" ]; then
  [ "$(id -u)" = 0 ] || fail "this has to be done as root: sudo sh deploy/install.sh $domain"
  command -v apt-get >/dev/null || fail "this is for Debian; docs/operations.md says what it does"
  say "Packages: git, make, Python, Caddy"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends git make python3 python3-venv caddy >/dev/null
  if id openchair >/dev/null 2>&1; then
    say "User openchair: is there already"
  else
    say "User openchair: nobody signs in as it, and it owns nothing but the data"
    useradd --system --user-group --no-create-home --home-dir /var/lib/openchair --shell /usr/sbin/nologin openchair
  fi
fi
command -v git >/dev/null && command -v make >/dev/null || fail "git and make are needed"

if [ -d "$opt/repo/.git" ]; then
  say "Code: $opt/repo is there already"
else
  say "Code: into $opt/repo"
  mkdir -p "$opt/releases"
  from=$(git -C "$source" remote get-url origin 2>/dev/null || printf %s "$source")
  git clone --quiet --no-checkout "$source" "$opt/repo.new"
  git -C "$opt/repo.new" remote set-url origin "$from"
  mv "$opt/repo.new" "$opt/repo"
fi
if [ -e "$opt/current" ]; then
  say "Version: $(readlink "$opt/current") stays (openchair upgrade changes it)"
else
  commit=$(git -C "$source" rev-parse HEAD)
  release=releases/$(printf %.12s "$commit")
  say "Version: $release, and what it needs (a minute or two)"
  git -C "$opt/repo" worktree prune
  [ -e "$opt/$release/.git" ] || git -C "$opt/repo" worktree add --quiet --detach "$opt/$release" "$commit"
  make --no-print-directory -C "$opt/$release" .venv/.run
  ln -s "$release" "$opt/current"
fi

say "Data: $data"
mkdir -p "$data" "$root/var/backups/openchair"
chmod 700 "$data" "$root/var/backups/openchair"
[ -n "$root" ] || chown openchair:openchair "$data" "$root/var/backups/openchair"

mkdir -p "$etc"
if [ -e "$etc/openchair.env" ]; then
  say "Settings: $etc/openchair.env is there already"
else
  say "Settings: into $etc/openchair.env"
  cat >"$etc/openchair.env" <<EOF
# Settings of Openchair; every one there is stands in /opt/openchair/current/.env.example. After a change:
#     systemctl restart openchair
OPENCHAIR_ENV=production
OPENCHAIR_DATA=$data
OPENCHAIR_PUBLIC_URL=https://$domain
EOF
fi
chmod 640 "$etc/openchair.env"
[ -n "$root" ] || chown root:openchair "$etc/openchair.env"
printf 'OPENCHAIR_DOMAIN=%s\n' "$domain" >"$etc/caddy.env"

say "Service: openchair.service"
mkdir -p "$root/etc/systemd/system/caddy.service.d" "$root/etc/caddy" "$root/usr/local/bin"
cp "$opt/current/deploy/systemd/openchair.service" "$root/etc/systemd/system/openchair.service"

say "Front: Caddy, with certificates for $domain"
printf '[Service]\nEnvironmentFile=/etc/openchair/caddy.env\n' >"$root/etc/systemd/system/caddy.service.d/openchair.conf"
if ! cmp -s "$opt/current/deploy/Caddyfile" "$root/etc/caddy/Caddyfile"; then
  cp --backup=numbered "$opt/current/deploy/Caddyfile" "$root/etc/caddy/Caddyfile" # what was there: Caddyfile.~1~
fi

say "Command: openchair, with the settings of the service"
cat >"$root/usr/local/bin/openchair" <<EOF
#!/bin/sh
# The openchair command with the settings of the service, and as its user. Only an upgrade is root's own work.
set -eu
[ -r $etc/openchair.env ] || { echo "openchair: as root: sudo openchair ..." >&2; exit 1; }
set -a
. $etc/openchair.env
set +a
program=$opt/current/.venv/bin/openchair
[ "\${1:-}" != upgrade ] || umask 022 # the service reads the code as another user
if [ "\${1:-}" != upgrade ] && [ "\$(id -u)" = 0 ] && id openchair >/dev/null 2>&1; then
  exec runuser -u openchair -- "\$program" "\$@"
fi
exec "\$program" "\$@"
EOF
chmod 755 "$root/usr/local/bin/openchair"

if [ -n "$root" ]; then
  say "Written below $root; nothing was started"
  exit 0
fi
say "Starting"
systemctl daemon-reload
systemctl enable --quiet openchair caddy
systemctl restart openchair caddy
tries=0
until /opt/openchair/current/.venv/bin/python -c \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=3)" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || fail "it does not become ready: journalctl -u openchair, and openchair doctor"
  sleep 1
done
say "Ready: https://$domain. The first centre: openchair centre create --help"
