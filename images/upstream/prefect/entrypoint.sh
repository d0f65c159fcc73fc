#!/bin/sh
# Without a command it says how it is used; with one it runs it.
set -eu
if [ $# -eq 0 ]; then
  exec prefect --help
fi
exec "$@"
