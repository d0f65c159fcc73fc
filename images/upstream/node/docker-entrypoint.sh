#!/bin/sh
# `docker run node --version`, `docker run node app.js`: what isn't a command is for Node.js.
set -eu
case "${1:-}" in
  -*) exec node "$@" ;;
esac
if [ $# -gt 0 ] && ! command -v "$1" >/dev/null; then
  exec node "$@"
fi
exec "$@"
