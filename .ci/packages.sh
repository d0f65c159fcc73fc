# shellcheck shell=bash
# Debian packages: what the container tests need, and Docker Engine with its plugins.
# Sourced by .ci/run. Every function is safe to call again and quick when nothing is missing.

TOOLS=(
  ca-certificates iptables util-linux iproute2 procps # engine and network faults
  tini dumb-init                                      # peers the supervisor is compared with
  haproxy prometheus                                  # what asks it for its health and its metrics
  prometheus-alertmanager                             # what it sends its alerts to
  pgbouncer                                           # a transaction pooler between it and the database
  libatomic1                                          # Node.js 26 links against it
  python3 mmdebstrap                                  # flows outside containers; the stand-in base image
  python3-venv                                        # an environment with Prefect
  strace                                              # what a journal's disk holds after a power loss
)
ENGINE=(docker.io docker-cli docker-buildx docker-compose)
ENGINE_SUITE=trixie # the first Debian release with a Compose v2 and a buildx of its own
NODE_MAJOR_MIN=20   # package.json's floor for running npm test; it brings its own Node.js 26

apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@" </dev/null
}

install_tools() {
  local -a missing=()
  local package
  for package in "${TOOLS[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  apt_get update
  without_services apt_get install --no-install-recommends "${missing[@]}"
}

# Runs a command during which no package starts a service: the tests start what they need themselves.
without_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  [[ -e $policy ]] && { "$@"; return; }
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm "$policy"
  return "$status"
}

install_engine() {
  has_engine && return
  apt_get update # a bare machine has no package lists, and the mirror is read from them
  add_engine_suite
  apt_get install --no-install-recommends -t "$ENGINE_SUITE" "${ENGINE[@]}"
}

install_node() {
  has_node && return
  apt_get update
  add_engine_suite
  apt_get install --no-install-recommends -t "$ENGINE_SUITE" nodejs npm
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

# A docker client may be there without an engine, or without its plugins.
has_engine() {
  { engine_answers || command -v dockerd; } >/dev/null &&
    docker buildx version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

has_node() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  ((${version%%.*} >= NODE_MAJOR_MIN))
}

# On an older Debian, packages of the newer suite are taken only where asked for with -t:
# priority 50 keeps them from upgrading anything else. What apt's sources say counts, not
# /etc/os-release: the first installation from the newer suite brings that file along.
add_engine_suite() {
  local mirror
  [[ -z $(debian_mirror "$ENGINE_SUITE") ]] || return 0
  mirror=$(debian_mirror bookworm)
  [[ -n $mirror ]] || fail "apt's sources name no Debian mirror to take Docker Engine from"
  printf 'Package: *\nPin: release n=%s\nPin-Priority: 50\n' "$ENGINE_SUITE" \
    >"/etc/apt/preferences.d/flowkeep-$ENGINE_SUITE"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $ENGINE_SUITE main" \
    >"/etc/apt/sources.list.d/flowkeep-$ENGINE_SUITE.list"
  apt_get update
}

# The mirror this machine takes a suite from, however its sources are written.
debian_mirror() {
  # shellcheck disable=SC2016 # apt expands these
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v suite="$1" '$2 == suite && $3 == "main" { print $1; exit }'
}
