# shellcheck shell=bash disable=SC2154
# What scripts/test-package prepares and asks. Needs fleet.bash and service.bash; the caller sets `room`, `base`, `suite`, `home`.

# A Debian with nothing but systemd, and beside it, not installed, whatever a package may ask for: it has no way out.
package_base() {
  local depended=git,openssh-client,openssh-server,ca-certificates,python3-venv,bubblewrap,rpm
  [ "$suite" = bookworm ] || depended=$depended,ansible-core
  local all='--download-only --option APT::Install-Recommends=true'
  [ -e "$base/complete" ] && return
  rm -rf "$base"
  mkdir -p "$(dirname "$base")"
  # Single quotes: the directory is mmdebstrap's to say.
  # shellcheck disable=SC2016
  mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv --skip=cleanup/apt \
    --customize-hook="APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get --yes $all install ${depended//,/ }" \
    "$suite" "$base" >"$base.log" 2>&1 || {
    sed -E 's#[a-z]+://[^ ]+#(address)#g' "$base.log" | tail -n 15 >&2
    return 1
  }
  : >"$base/etc/machine-id"
  : >"$base/etc/resolv.conf"
  ln -sf /dev/null "$base/etc/systemd/system/console-getty.service"
  ln -sf /dev/null "$base/etc/systemd/system/systemd-timesyncd.service"
  # What is thrown away need not reach the disk.
  printf 'force-unsafe-io\n' >"$base/etc/dpkg/dpkg.cfg.d/test"
  python_packages
  touch "$base/complete"
  rm -f "$base.log"
}

# What the runtime of the tutorial is made from, for the Python of each Debian.
python_packages() {
  local version=3.13 wanted
  [ "$suite" != bookworm ] || version=3.11
  wanted=$(sed -n 's/^ *core: "\(.*\)"/\1/p' docs/tutorial.md)
  scripts/setup ansible >/dev/null
  .cache/ansible/stable/bin/python -m pip download --quiet --only-binary=:all: --python-version "$version" \
    --dest "$base/opt/wheels" "ansible-core==$wanted"
  printf '[global]\nno-index = true\nfind-links = /opt/wheels\n' >"$base/etc/pip.conf"
}

# A package that counts as newer than another: the same files, another version.
newer() {
  local tree=$room/newer
  rm -rf "$tree"
  dpkg-deb --raw-extract "$1" "$tree"
  sed -i 's/^Version: .*/Version: 99.0-1/' "$tree/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone --build "$tree" "$2" >/dev/null
  rm -rf "$tree"
}

# apt NAME...: as people use it, without a question.
apt() { on control env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes "$@"; }

# get PATH: the answer of the daemon's listener, by what a minimal system has.
get() {
  # shellcheck disable=SC2016
  on control bash -c 'exec 3<>/dev/tcp/127.0.0.1/9847
printf "GET %s HTTP/1.1\r\nHost: 127.0.0.1:9847\r\nConnection: close\r\n\r\n" "$1" >&3
cat <&3' _ "$1"
}
# signed_in TEXT: the link that `driftless sign-in` prints lets a browser in, once, and the page has TEXT.
signed_in() {
  local link
  link=$(on control driftless sign-in)
  # A minimal system has no HTTP client: the one from here, in the network there.
  nsenter --target "$(fleet_leader control)" --net python3 - "$link" "$1" <<'PYTHON'
import sys, urllib.error, urllib.parse, urllib.request
link, text = sys.argv[1:]
place, code = link.split("/sign-in#code=")
form = urllib.parse.urlencode({"code": code, "next": "/"}).encode()
ask = urllib.request.Request(f"{place}/sign-in", form, {"Origin": place})
page = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(ask)
body = page.read().decode()
assert page.status == 200 and page.url == f"{place}/" and text in body, (page.status, page.url, body)
try:
    urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(ask)
    sys.exit("the link works twice")
except urllib.error.HTTPError as error:
    assert error.code in (401, 403), error.code
PYTHON
}
answers() { get "$1" | head -n 1 | grep -E "$2"; }

# Where files may come and go without anybody having left them.
everything() {
  on control find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log -o -path /var/tmp \
    -o -path /var/cache/apt -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd \
    -o -path /var/lib/rpm -o -path "$home" \) -prune -o -print | sort
}

nothing_left() {
  everything >"$room/after"
  diff "$room/before" "$room/after" &&
    nothing "$(on control find /var/lib/systemd /var/lib/dpkg/info /etc/systemd /run/systemd/system /run -xdev \
      -name '*driftless*' 2>/dev/null)"
}

sums_are_right() { (cd "$packages" && sha256sum --check --quiet SHA256SUMS); }
configuration_is_closed() {
  [ "$(on control stat --format '%a %U %G' /etc/driftless/config.yml)" = '640 root driftless' ]
}
# A minimal system has no pgrep.
no_daemon() { nothing "$(on control find /proc -maxdepth 2 -name exe -lname '/usr/bin/driftless*' 2>/dev/null)"; }
nothing() { if [ -n "$1" ]; then printf '%s\n' "$1"; return 1; fi; }

# shellcheck disable=SC2016
installed_version() { [ "$(on control dpkg-query -W -f='${Version}' driftless)" = "$1" ]; }

in_root() { on control env HOME="$home" GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=ann@example.org GIT_COMMITTER_NAME=Ann \
  GIT_COMMITTER_EMAIL=ann@example.org git -C "$home/tutorial" "$@"; }

# push_slow TEXT: a commit whose apply takes a while, and then writes TEXT.
push_slow() {
  local site
  site=$(fleet_place control)$home/tutorial/site.yml
  python3 - "$site" "$1" <<'PYTHON'
import re, sys
path, text = sys.argv[1:]
site = open(path).read()
site = re.sub(r'content: ".*"', f'content: "{text}\\\\n"', site)
if "Take a while" not in site:
    slow = "  tasks:\n    - name: Take a while\n      ansible.builtin.command: sleep 15\n      changed_when: false\n"
    site = site.replace("  tasks:\n", slow)
open(path, "w").write(site)
PYTHON
  in_root commit --quiet --all --message "Say $1"
  in_root push --quiet origin HEAD:main
}

motd_is() { [ "$(on control cat /etc/motd)" = "$1" ]; }
head_now() { in_root rev-parse HEAD; }

tutorial() {
  local status=0
  python3 scripts/lib/tutorial.py docs/tutorial.md 600 nsenter --target "$(fleet_leader control)" --all env -i HOME="$home" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive bash \
    >"$room/tutorial" 2>&1 || status=$?
  cat "$room/tutorial"
  return "$status"
}

# Both packages were laid out from one tree; what differs is what the two systems want in other places.
same_files() {
  local own='/usr/share/(zsh|licenses|lintian)/|/usr/share/doc/driftless/(copyright|changelog.Debian.gz)$'
  diff <(dpkg-deb --fsys-tarfile "$deb" | tar --list | sed 's/^\.//' | grep -v '/$' | grep -Ev "$own" | sort) \
    <(rpm --query --list --package "$rpm" --queryformat '[%{FILEMODES:perms} %{FILENAMES}\n]' |
      awk '$1 ~ /^-/ { print $2 }' | grep -Ev "$own" | sort)
}

# Each crate that `cargo tree` says is compiled in is in the SBOM, and the other way round.
sbom_is_right() {
  dpkg-deb --fsys-tarfile "$deb" | tar --extract --to-stdout ./usr/share/doc/driftless/sbom.cdx.json >"$room/sbom"
  cargo tree --locked --edges normal,no-proc-macro --prefix none --format '{p}' --target x86_64-unknown-linux-musl \
    --package driftless --package driftless-modules | awk 'NF { print $1, substr($2, 2) }' | sort -u >"$room/crates"
  python3 - "$room/sbom" "$room/crates" <<'PYTHON'
import json, sys
sbom = json.load(open(sys.argv[1]))
have = {(it["name"], it.get("version")) for it in sbom["components"]}
want = {tuple(line.split()) for line in open(sys.argv[2])}
assert sbom["bomFormat"] == "CycloneDX" and len(want) > 100, len(want)
assert not want - have, want - have
known = {it["bom-ref"] for it in sbom["components"]}
assert all(that in known for it in sbom["dependencies"] for that in it["dependsOn"])
inner = {that["name"]: that.get("version") for it in sbom["components"] for that in it.get("components", [])}
assert set(inner) >= {"libgit2", "sqlite", "zlib", "zstd"} and all(inner.values()), inner
PYTHON
}
