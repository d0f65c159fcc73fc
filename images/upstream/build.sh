#!/usr/bin/env bash
# Sees to it that the upstream images are there:
#
#   images/upstream/build.sh [NAME…]     (default: all; image_of below has the names)
#
# What is there already is left alone; else it is pulled; where no registry answers, a stand-in
# of the same name is built from Debian, npm and PyPI packages (see ../README.md). A stand-in whose
# recipe has changed since is built anew.
set -euo pipefail

REGISTRY_ANSWER_SECONDS_MAX=20
PULL_SECONDS_MAX=600
LABEL=org.flowkeep.stand-in

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lock=$here/../base

main() {
  (($#)) || set -- python node postgres prefect haproxy prometheus alertmanager
  scratch=$(mktemp -d -t flowkeep-upstream.XXXXXX)
  trap 'rm -rf "$scratch"' EXIT
  local name
  for name; do
    ensure "$name"
  done
}

image_of() {
  case $1 in
    debian) echo debian:trixie-slim ;;
    python) echo python:3.13-slim-trixie ;;
    node) echo node:26-trixie-slim ;;
    postgres) echo postgres:17 ;;
    prefect) echo prefecthq/prefect:3-python3.13 ;;
    haproxy) echo haproxy:3.0 ;;
    prometheus) echo prom/prometheus:v2.53.3 ;;
    alertmanager) echo prom/alertmanager:v0.28.1 ;;
    *) fail "no such upstream image: '$1' (debian, python, node, postgres, prefect, haproxy, prometheus, alertmanager)" ;;
  esac
}

ensure() {
  local name=$1 image below seconds=$SECONDS
  image=$(image_of "$name")
  if is_current "$name" "$image"; then
    echo "$image: there"
  elif pull "$image"; then
    echo "$image: pulled, $((SECONDS - seconds)) s"
  else
    for below in $(below "$name"); do ensure "$below"; done
    build "$name" "$image"
    echo "$image: stand-in built, $((SECONDS - seconds)) s"
  fi
}

# What a stand-in is built on.
below() {
  case $1 in
    debian) ;;
    prefect) echo python ;;
    *) echo debian ;;
  esac
}

# An image from a registry is always current; a stand-in while its recipe is the same.
is_current() {
  local recipe
  recipe=$(docker image inspect --format "{{index .Config.Labels \"$LABEL.recipe\"}}" "$2" 2>/dev/null) || return 1
  [[ -z $recipe || $recipe == "$(recipe_of "$1")" ]]
}

recipe_of() {
  local -a parts=("$here/debian" "$here/$1")
  [[ $1 != prefect ]] || parts+=("$here/python" "$lock/requirements.txt")
  find "${parts[@]}" -type f -print0 | sort -z -u | xargs -0 cat | sha256sum | cut -c 1-16
}

# Asks first: a registry that doesn't answer is found out soon, and a slow download isn't cut off.
pull() {
  timeout "$REGISTRY_ANSWER_SECONDS_MAX" docker manifest inspect "$1" >/dev/null 2>&1 </dev/null &&
    timeout "$PULL_SECONDS_MAX" docker pull --quiet "$1" >/dev/null </dev/null
}

build() {
  local name=$1 image=$2
  case $name in
    debian) import_debian "$image" ;;
    node)
      command -v npm >/dev/null || fail 'npm is missing: it fetches Node.js for the image'
      "$here/node/packages.sh" "$scratch"
      build_image "$name" "$image" --build-context packages="$scratch"
      ;;
    prefect) build_image "$name" "$image" --build-context lock="$lock" ;;
    *) build_image "$name" "$image" ;;
  esac
}

import_debian() {
  local image=$1
  command -v mmdebstrap >/dev/null || fail 'mmdebstrap is missing: apt-get install mmdebstrap'
  "$here/debian/rootfs.sh" trixie "$scratch/rootfs.tar"
  docker import --change 'CMD ["bash"]' \
    --change "LABEL $LABEL=true $LABEL.recipe=$(recipe_of debian)" "$scratch/rootfs.tar" "$image" >/dev/null
  rm "$scratch/rootfs.tar"
}

build_image() {
  local name=$1 image=$2
  local -a secrets
  shift 2
  mapfile -t secrets < <("$here/../build-secrets.sh")
  docker build --quiet --tag "$image" "${secrets[@]}" "$@" \
    --label "$LABEL=true" --label "$LABEL.recipe=$(recipe_of "$name")" "$here/$name" </dev/null >/dev/null
}

fail() {
  echo "images/upstream: $*" >&2
  exit 1
}

main "$@"
