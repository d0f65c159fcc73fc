#!/usr/bin/env bash
# Builds the base image and the flows on it: images/build-all.sh [TARGET…] [bake's options]
#
#   images/build-all.sh                    # all of images/docker-bake.hcl
#   images/build-all.sh flow1              # one flow, and the base below it if it has changed
#   TAG=1.2.0 images/build-all.sh --push   # REGISTRY, TAG, REVISION and CREATED are docker-bake.hcl's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The first "version" of package.json is its own.
VERSION=${VERSION:-$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)}
export VERSION

# bake takes secrets and build arguments per target; these are for each of them.
settings=()
arguments=$(images/build-secrets.sh)
while read -r kind && read -r value; do
  case $kind in
    --secret) settings+=(--set "*.secrets=$value") ;;
    --build-arg) settings+=(--set "*.args.$value=${!value}") ;;
  esac
done <<<"$arguments"

exec docker buildx bake --file images/docker-bake.hcl "${settings[@]}" "$@"
