#!/usr/bin/env bash
# Fetches what the image is made of, as DIRECTORY/node.tgz and npm.tgz: packages.sh DIRECTORY
# The host's npm fetches: it knows this machine's registry, and the image has no npm yet.
set -euo pipefail
directory=$1
NODE_VERSION=26 # the newest of this major
NPM_VERSION=11  # the major that Node.js 26 ships with

fetch() {
  local package=$1 file=$2 download
  download=$(mktemp -d -p "$directory")
  npm pack --silent --pack-destination "$download" "$package" >/dev/null </dev/null
  mv "$download"/*.tgz "$directory/$file"
  rmdir "$download"
}

arch=$(dpkg --print-architecture)
fetch "node-linux-${arch/amd64/x64}@$NODE_VERSION" node.tgz
fetch "npm@$NPM_VERSION" npm.tgz
