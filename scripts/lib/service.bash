# shellcheck shell=bash disable=SC2154
# What scripts/test-service prepares and asks. Needs scripts/lib/fleet.bash; the caller sets `room` and `binary`.

passed=0 failed=0

# check NAME COMMAND...: PASS if the command succeeds. Its output is shown when it does not.
check() {
  local name=$1 start=$SECONDS
  shift
  if "$@" >"$room/output" 2>&1; then
    passed=$((passed + 1))
    printf 'PASS %s (%d s)\n' "$name" $((SECONDS - start))
  else
    failed=$((failed + 1))
    printf 'FAIL %s (%d s): %s\n' "$name" $((SECONDS - start)) "$*"
    tail -n 25 "$room/output" | sed 's/^/     /'
    explain_failure
  fi
}

explain_failure() {
  on control journalctl --unit driftless --no-pager --lines 15 --output cat 2>/dev/null | sed 's/^/     | /' || true
}

fails() { ! "$@"; }

# --- preparing -----------------------------------------------------------------------------------------------------------

# Downloaded here, installed there: nothing in the containers has a way out.
ansible_for_bookworm() {
  [ -L "$base/usr/local/bin/ansible-playbook" ] && return
  scripts/setup ansible >/dev/null
  .cache/ansible/stable/bin/python -m pip download --quiet --only-binary=:all: --python-version 3.11 \
    --dest "$base/opt/wheels" 'ansible-core~=2.19.0'
  chroot "$base" python3 -m venv /opt/ansible
  chroot "$base" env -i PATH=/usr/bin:/bin HOME=/nonexistent /opt/ansible/bin/pip install --quiet --no-index \
    --find-links /opt/wheels ansible-core
  ln -s /opt/ansible/bin/ansible-playbook "$base/usr/local/bin/ansible-playbook"
}

prepare_host() {
  local place
  place=$(fleet_place web1)
  chroot "$place" useradd --create-home --shell /bin/bash --password '*' ops
  printf 'ops ALL=(ALL) NOPASSWD: ALL\n' >"$place/etc/sudoers.d/ops"
  chmod 440 "$place/etc/sudoers.d/ops"
  ssh-keygen -q -t ed25519 -N '' -C fleet -f "$room/fleet-key"
  ssh-keygen -q -t ed25519 -N '' -C other -f "$room/other-key"
  install -d -m 0700 -o 1000 -g 1000 "$place/home/ops/.ssh"
  install -m 0600 -o 1000 -g 1000 "$room/fleet-key.pub" "$place/home/ops/.ssh/authorized_keys"
}

prepare_control() {
  local place
  place=$(fleet_place control)
  scripts/install --root "$place" ${binary:+--binary "$binary"} >"$room/install"
  cp "$place/etc/driftless/config.yml" "$room/example.yml"
  configuration >"$place/etc/driftless/config.yml"
  chroot "$place" useradd --system --user-group --home-dir /var/lib/driftless/homes/other \
    --shell /usr/sbin/nologin driftless-other
  chroot "$place" useradd --create-home --groups driftless-admin --shell /bin/bash --password '*' alice
  chroot "$place" useradd --create-home --shell /bin/bash --password '*' git
  chroot "$place" install -d -o git -g git /srv/git
  install -m 0600 "$room/fleet-key" "$room/other-key" "$place/etc/driftless/secrets/"
  printf 'a token of the other source\n' >"$place/etc/driftless/secrets/other-token"
  mkdir -p "$place/etc/systemd/system/driftless.service.d"
  cat >"$place/etc/systemd/system/driftless.service.d/test.conf" <<'UNIT'
[Service]
LoadCredential=fleet-key:/etc/driftless/secrets/fleet-key
LoadCredential=other-key:/etc/driftless/secrets/other-key
LoadCredential=other-token:/etc/driftless/secrets/other-token
WatchdogSec=6s
UNIT
  # For now a host key that web1 does not have.
  printf 'web1 %s\n' "$(cut -d' ' -f1,2 "$room/other-key.pub")" >"$place/etc/driftless/known_hosts"
}

trust_web1() {
  printf 'web1 %s\n' "$(cut -d' ' -f1,2 "$(fleet_place web1)/etc/ssh/ssh_host_ed25519_key.pub")" \
    >"$(fleet_place control)/etc/driftless/known_hosts"
}

without_other() {
  cat <<'YAML'
sources:
  fleet:
    url: /srv/git/fleet.git
    poll: 5s
    run_as: driftless-run
    access:
      ssh_key: { credential: fleet-key }
      known_hosts: /etc/driftless/known_hosts
      remote_user: ops
limits:
  retry: { base: 1s, max: 5s }
YAML
}

configuration() {
  without_other | sed '/^limits:/,$d'
  cat <<'YAML'
  other:
    url: /srv/git/other.git
    poll: 5s
    run_as: driftless-other
    access:
      ssh_key: { credential: other-key }
      known_hosts: /etc/driftless/known_hosts
      environment:
        OTHER_TOKEN: { credential: other-token }
limits:
  retry: { base: 1s, max: 5s }
YAML
}

# --- repositories ----------------------------------------------------------------------------------------------------------

as_git() { on control runuser -u git -- env HOME=/home/git "$@"; }

# make_repository NAME FILES: a bare repository, and a clone beside it with what the function FILES writes.
make_repository() {
  as_git git init -q --bare -b main "/srv/git/$1.git"
  as_git git clone -q "/srv/git/$1.git" "/srv/git/work-$1" 2>/dev/null
  as_git git -C "/srv/git/work-$1" config user.name Alice
  as_git git -C "/srv/git/work-$1" config user.email alice@example.org
  "$2" "$(fleet_place control)/srv/git/work-$1"
  chroot "$(fleet_place control)" chown -R git:git "/srv/git/work-$1"
  push "$1" "Begin"
}

push() {
  as_git git -C "/srv/git/work-$1" add -A
  as_git git -C "/srv/git/work-$1" commit -q -m "$2"
  as_git git -C "/srv/git/work-$1" push -q origin HEAD:main
}

# commit REPOSITORY FILE CONTENT: one commit, pushed.
commit() { printf '%s\n' "$3" | commit_stdin "$1" "$2"; }

commit_stdin() {
  as_git tee "/srv/git/work-$1/$2" >/dev/null
  push "$1" "Change $2"
}

head_of() { as_git git -C "/srv/git/work-$1" rev-parse HEAD; }

fleet_files() {
  cp -r tests/service/fleet/. "$1/"
  printf 'one\n' >"$1/version.txt"
  printf '0\n' >"$1/sleep.txt"
  printf 'off\n' >"$1/spy.txt"
  : >"$1/paths.txt"
}

other_files() { cp -r tests/service/other/. "$1/"; }

# Every file that runs must not reach, as root sees them.
everything_there() {
  on control find /etc/driftless /var/lib/driftless /var/cache/driftless /run/driftless \
    /run/credentials/driftless.service -not -type d -not -path '/var/cache/driftless/git/*/objects/*'
}

# --- asking ------------------------------------------------------------------------------------------------------------------

# says "COMMAND" EXPRESSION: whether the expression holds of what driftless tells as JSON, as `d`.
says() {
  local -a words
  read -ra words <<<"$1"
  on control driftless "${words[@]}" --output json >"$room/answer"
  python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
ok = eval(sys.argv[2])
print(ok or json.dumps(d, indent=1)[:3000])
sys.exit(not ok)' "$room/answer" "$2"
}

of_stack() { says status "[s for s in d['stacks'] if s['id'] == '$1' and $2]"; }
in_sync() { of_stack "$1" "s['sync'] == 'in_sync' and s['applied'].get('commit') == '$2'"; }
live() { of_stack "$1" "s['live']"; }
live_at() { of_stack "$1" "s['live'] and '$2' in json.dumps(s['live']['revision'])"; }
# last_apply STACK: the number of its last apply. Checks come after it.
last_apply() {
  on control driftless runs --output json | python3 -c 'import json, sys
print(next(r["run"] for r in json.load(sys.stdin)["runs"] if (r["stack"], r["mode"]) == (sys.argv[1], "apply")))' "$1"
}
quiet() { says runs "all(r['ending'] for r in d['runs'])"; }
ended() { says runs "[r for r in d['runs'] if r['stack'] == '$1' and (r['ending'] or {}).get('outcome') == '$2']"; }

reload_until() {
  on control systemctl reload driftless
  within 15 says status "$1"
}

http() { http_has "$1" ''; }
http_has() {
  on control python3 -c 'import sys, urllib.request
sys.exit(sys.argv[2] not in urllib.request.urlopen("http://127.0.0.1:9847/" + sys.argv[1]).read().decode())' "$1" "$2"
}

exposure() {
  on control systemd-analyze security driftless.service >"$room/security"
  tail -n 1 "$room/security"
  awk -v most="$1" '/Overall exposure level/ { found = 1; if ($(NF - 2) + 0 > most + 0) exit 1 } END { exit !found }' \
    "$room/security"
}

# Named exit code 4: not permitted.
refused() {
  local status=0
  on control runuser -u git -- driftless status || status=$?
  [ "$status" = 4 ]
}

example_is_valid() {
  cp "$room/example.yml" "$(fleet_place control)/etc/driftless/example.yml"
  on control driftless check-config --config /etc/driftless/example.yml
  rm "$(fleet_place control)/etc/driftless/example.yml"
}

on_web_stands() { [ "$(on web1 cat /etc/fleet-version)" = "$1" ]; }
main_pid() { on control systemctl show --value --property=MainPID driftless; }
another_pid() { local now; now=$(main_pid) && [ "$now" != 0 ] && [ "$now" != "$1" ]; }
# Processes of a run carry its directory in their environment.
nothing_left_of() {
  # shellcheck disable=SC2016
  fails on control bash -c 'grep -lsz "/runs/$1\(/\|$\)" /proc/[0-9]*/environ' _ "$1"
}
no_process() { fails on control pgrep --full --list-full -- "$1"; }
journal_has() { on control journalctl --unit driftless --no-pager --output cat --grep "$1"; }

# report_has EXPRESSION: whether it holds of the curious playbook's report, as `r`.
report_has() {
  python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
print(json.dumps({key: value for key, value in r.items() if key != "tried"}, indent=1)[:3000])
sys.exit(not eval(sys.argv[2]))' "$(fleet_place control)/var/lib/driftless/stacks/fleet/spy/report.json" "$1"
}

report_tried() {
  local part
  for part in "$@"; do report_has "any('$part' in it for it in r['tried'])" || return 1; done
}
