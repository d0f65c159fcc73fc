#!/bin/sh
# As a master with a worker, in the foreground: a reload by SIGHUP loses no connection.
set -eu
case "${1:-}" in
  -*) set -- haproxy "$@" ;;
esac
if [ "${1:-}" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
