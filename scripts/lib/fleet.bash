# shellcheck shell=bash disable=SC2154
# A small fleet of real systemd machines: containers on a bridge that has no way out. For scripts/test-service.
# The caller sets `room` (a directory for this fleet) and calls `fleet_down` when it ends. Needs root.

fleet_bridge=dltest0
fleet_network=10.77.7

# fleet_base SUITE DIRECTORY PACKAGES: a Debian made once, below all containers of that suite.
fleet_base() {
  local suite=$1 base=$2 packages=$3
  [ -e "$base/complete" ] && return
  rm -rf "$base"
  mkdir -p "$(dirname "$base")"
  mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$base" >"$base.log" 2>&1 || {
    sed -E 's#[a-z]+://[^ ]+#(address)#g' "$base.log" | tail -n 15 >&2
    return 1
  }
  rm -f "$base.log" "$base"/etc/ssh/ssh_host_*
  : >"$base/etc/machine-id"
  : >"$base/etc/resolv.conf"
  # Starting needs no login prompt and no clock.
  ln -sf /dev/null "$base/etc/systemd/system/console-getty.service"
  ln -sf /dev/null "$base/etc/systemd/system/systemd-timesyncd.service"
  touch "$base/complete"
}

fleet_up() {
  ip link show "$fleet_bridge" >/dev/null 2>&1 && {
    printf 'the bridge %s is there already: another test runs, or one did not clean up (ip link del %s)\n' \
      "$fleet_bridge" "$fleet_bridge" >&2
    return 1
  }
  ip link add "$fleet_bridge" type bridge
  ip link set "$fleet_bridge" up
}

# fleet_place NAME: the root directory of a machine.
fleet_place() { printf '%s/%s/root' "$room" "$1"; }

# fleet_prepare NAME NUMBER BASE: a machine over BASE with the address 10.77.7.NUMBER, not started yet.
fleet_prepare() {
  local name=$1 number=$2 base=$3 place
  place=$(fleet_place "$name")
  mkdir -p "$room/$name"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$room/$name/upper,workdir=$room/$name/work" "$place"
  printf '%s\n' "$name" >"$place/etc/hostname"
  # Without its own name, sudo waits for a resolver that is not there.
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n%s.10 control\n%s.11 web1\n' "$name" "$fleet_network" "$fleet_network" \
    >"$place/etc/hosts"
  mkdir -p "$place/etc/systemd/network" "$place/etc/systemd/system/multi-user.target.wants"
  printf '[Match]\nName=host0\n[Network]\nAddress=%s.%s/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
    "$fleet_network" "$number" >"$place/etc/systemd/network/10-host0.network"
  ln -sf /usr/lib/systemd/system/systemd-networkd.service "$place/etc/systemd/system/multi-user.target.wants/"
  mkdir -p "$place/etc/ssh"  # A minimal Debian 12 has none.
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$place/etc/ssh/ssh_host_ed25519_key"
}

fleet_start() {
  local name=$1
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-nspawn --quiet --directory="$(fleet_place "$name")" \
    --machine="$fleet_bridge-$name" --register=no --keep-unit --boot --resolv-conf=off --network-bridge="$fleet_bridge" \
    </dev/null >"$room/$name/console" 2>&1 &
  printf '%s\n' $! >"$room/$name/pid"
}

# fleet_leader NAME: the process that is PID 1 of a machine.
fleet_leader() { ps --ppid "$(cat "$room/$1/pid")" -o pid= | tr -d ' '; }

# on NAME COMMAND...: runs a command as root on a machine.
on() {
  local leader
  leader=$(fleet_leader "$1")
  [ -n "$leader" ] || return 125
  shift
  nsenter --target "$leader" --all env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LC_ALL=C.UTF-8 HOME=/nonexistent SYSTEMD_PAGER= SYSTEMD_COLORS=0 "$@"
}

fleet_ready() {
  case "$(on "$1" systemctl is-system-running 2>/dev/null)" in running | degraded) ;; *) return 1 ;; esac
}

# fleet_stop NAME: ends one machine, by force if it does not end by itself.
fleet_stop() {
  local name=$1 pid
  pid=$(cat "$room/$name/pid" 2>/dev/null) || return 0
  on "$name" systemctl poweroff --no-block >/dev/null 2>&1 || true
  within 20 gone "$pid" || kill -9 "$(fleet_leader "$name")" "$pid" 2>/dev/null || true
}

gone() { ! kill -0 "$1" 2>/dev/null; }

fleet_down() {
  local place name
  for place in "$room"/*/pid; do
    if [ -e "$place" ]; then
      name=$(basename "$(dirname "$place")")
      fleet_stop "$name"
    fi
  done
  for place in "$room"/*/root; do
    if mountpoint -q "$place"; then umount "$place" || umount -l "$place"; fi
  done
  ip link del "$fleet_bridge" 2>/dev/null || true
}

# within SECONDS COMMAND...: waits until the command succeeds; its output is not shown.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}
