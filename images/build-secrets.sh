#!/usr/bin/env bash
# Prints, one per line, the `docker build` arguments by which a build reaches the package
# registries the way this machine does: its CA bundle, npm and pip configuration, proxy.
# On a machine with plain internet access it prints little or nothing, and needs to.
#
#   mapfile -t secrets < <(images/build-secrets.sh)
#   docker buildx build "${secrets[@]}" …
#
# Secrets are mounted for one RUN and are never part of an image; proxy variables are build
# arguments that Docker keeps out of an image's history. The ids and where a Dockerfile
# mounts them are in images/README.md.
set -euo pipefail

main() {
  secret ca "$(ca_bundle)"
  secret npmrc "$(npm_config_file)"
  secret pipconf "$(pip_config_file)"
  proxy_arguments
}

# A path with a comma can't be written in docker's syntax; no such file is offered.
secret() {
  local id=$1 file=$2
  [[ -n $file && -f $file && -r $file && $file != *,* ]] || return 0
  printf -- '--secret\nid=%s,src=%s\n' "$id" "$file"
}

# Debian's bundle holds the locally added authorities too.
ca_bundle() {
  first_file "${NODE_EXTRA_CA_CERTS:-}" "${SSL_CERT_FILE:-}" "${PIP_CERT:-}" "${CURL_CA_BUNDLE:-}" \
    /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt
}

npm_config_file() {
  first_file "${NPM_CONFIG_USERCONFIG:-}" "${HOME:-}/.npmrc"
}

pip_config_file() {
  first_file "${PIP_CONFIG_FILE:-}" "${XDG_CONFIG_HOME:-${HOME:-}/.config}/pip/pip.conf" \
    "${HOME:-}/.pip/pip.conf" /etc/pip.conf
}

first_file() {
  local file
  for file; do
    [[ -f $file ]] || continue
    echo "$file"
    return
  done
}

proxy_arguments() {
  local name
  for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
    [[ -z ${!name:-} ]] || printf -- '--build-arg\n%s\n' "$name"
  done
}

main
