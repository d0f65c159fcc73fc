#!/usr/bin/env bash
# Writes the root filesystem of a slim Debian as a tar archive: rootfs.sh SUITE FILE
# From the mirrors in apt's sources here, or Debian's own where they say nothing of it.
set -euo pipefail
suite=$1 file=$2

mirrors() {
  # shellcheck disable=SC2016 # apt expands this
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages'
}

# A machine on an older Debian names other suites; the same two mirrors carry this one.
main_mirror() {
  mirrors | awk '$2 ~ /^(bookworm|trixie|forky)$/ && $3 == "main" { print $1; exit }'
}

security_mirror() {
  mirrors | awk '$2 ~ /-security$/ && $3 == "main" { print $1; exit }'
}

sources() {
  local main security
  main=$(main_mirror) security=$(security_mirror)
  [[ -n $main ]] || return 0 # mmdebstrap's defaults
  echo "deb $main $suite main"
  echo "deb $main $suite-updates main"
  [[ -z $security ]] || echo "deb $security $suite-security main"
}

# Documentation and translations stay out of this image and of what is installed in it later.
slim=(
  --dpkgopt='path-exclude=/usr/share/doc/*'
  --dpkgopt='path-include=/usr/share/doc/*/copyright'
  --dpkgopt='path-exclude=/usr/share/man/*'
  --dpkgopt='path-exclude=/usr/share/info/*'
  --dpkgopt='path-exclude=/usr/share/locale/*'
  --dpkgopt='path-include=/usr/share/locale/locale.alias'
)
# What apt fetches and computes is not kept in the layers of what is installed in this image, as in the original. For
# mmdebstrap itself that comes too early, so it is written when everything is in.
lean='APT::Keep-Downloaded-Packages "false"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'
mapfile -t sources < <(sources)
mmdebstrap --quiet --variant=minbase --include=ca-certificates "${slim[@]}" \
  --customize-hook="rm -f \"\$1\"/var/cache/apt/*.bin; echo '$lean' > \"\$1/etc/apt/apt.conf.d/lean\"" \
  "$suite" "$file" "${sources[@]}" </dev/null
