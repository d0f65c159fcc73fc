#!/usr/bin/env bash
# Creates the database cluster on the first start, then becomes the server.
#
# POSTGRES_PASSWORD         the superuser's password (required unless the method is trust)
# POSTGRES_USER             the superuser (postgres)
# POSTGRES_DB               a database to create (named like the superuser)
# POSTGRES_HOST_AUTH_METHOD how clients from elsewhere log in (the server's password method)
# POSTGRES_INITDB_ARGS      more arguments for initdb
# The first three and the arguments may come as NAME_FILE, the path of a file with the value.
#
# Scripts in /docker-entrypoint-initdb.d (.sh, .sql, .sql.gz, .sql.xz, .sql.zst) run once, in the
# order of their names, before anyone can connect over the network.
set -euo pipefail
shopt -s nullglob

main() {
  [[ ${1:-} != -* ]] || set -- postgres "$@"
  if [[ ${1:-} == postgres ]] && ! only_asks "$@"; then
    prepare_directories
    ((EUID != 0)) || become_postgres "$@"
    [[ -s $PGDATA/PG_VERSION ]] || create_cluster "$@"
  fi
  exec "$@"
}

# `postgres --version` and the like need no data.
only_asks() {
  local argument
  for argument; do
    case $argument in
      --help | -'?' | --version | -V | --describe-config | -C) return 0 ;;
    esac
  done
  return 1
}

# A volume that refuses chown (another owner, NFS) may still be usable as it is.
prepare_directories() {
  mkdir -p "$PGDATA" /var/run/postgresql 2>/dev/null || true
  if ((EUID == 0)); then
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres {} + || true
    chmod 3775 /var/run/postgresql || true
  fi
  chmod 0700 "$PGDATA" 2>/dev/null || true
}

become_postgres() {
  export HOME=/var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "${BASH_SOURCE[0]}" "$@"
}

create_cluster() {
  read_settings
  require_password
  initialise
  allow_clients "$@"
  start_for_setup "$@"
  create_database
  run_scripts
  pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
  unset PGPASSWORD
  echo 'entrypoint: the database cluster is ready'
}

read_settings() {
  value_or_file POSTGRES_PASSWORD
  value_or_file POSTGRES_USER postgres
  value_or_file POSTGRES_DB "$POSTGRES_USER"
  value_or_file POSTGRES_INITDB_ARGS
}

value_or_file() {
  local name=$1 default=${2:-} file_name=$1_FILE value
  [[ -z ${!name:-} || -z ${!file_name:-} ]] || fail "$name and $file_name are both set; one is enough"
  value=${!name:-$default}
  if [[ -n ${!file_name:-} ]]; then value=$(<"${!file_name}"); fi
  export "$name=$value"
  unset "$file_name"
}

require_password() {
  [[ -n $POSTGRES_PASSWORD || ${POSTGRES_HOST_AUTH_METHOD:-} == trust ]] || fail \
    'a superuser password is needed for a new database: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE' \
    '(or, for tests only, POSTGRES_HOST_AUTH_METHOD=trust)'
}

initialise() {
  local -a arguments=()
  read -ra arguments <<<"$POSTGRES_INITDB_ARGS"
  initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" \
    --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${arguments[@]}"
}

allow_clients() {
  local method=${POSTGRES_HOST_AUTH_METHOD:-}
  [[ -n $method ]] || method=$("$@" -C password_encryption)
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

# On the local socket only, so that nobody takes a half made database for the real one.
start_for_setup() {
  shift # "postgres" itself
  local options
  options=$(printf ' %q' "$@" -c listen_addresses= -p "${PGPORT:-5432}")
  PGUSER=${PGUSER:-postgres} pg_ctl --pgdata="$PGDATA" --options="$options" --wait start
  export PGPASSWORD=${PGPASSWORD:-$POSTGRES_PASSWORD}
}

create_database() {
  [[ $POSTGRES_DB != postgres ]] || return 0
  # psql fills in and quotes the name, but only in what it reads from its input.
  run_psql --dbname=postgres --set=db="$POSTGRES_DB" <<<'create database :"db"'
}

run_scripts() {
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    echo "entrypoint: $script"
    case $script in
      *.sh) run_shell_script "$script" ;;
      *.sql) run_psql --file="$script" ;;
      *.sql.gz) gunzip --stdout "$script" | run_psql ;;
      *.sql.xz) xz --decompress --stdout "$script" | run_psql ;;
      *.sql.zst) zstd --decompress --stdout --quiet "$script" | run_psql ;;
      *) echo 'entrypoint: … ignored' ;;
    esac
  done
}

# A script without the executable bit is sourced: mounts from some hosts can't carry the bit.
run_shell_script() {
  if [[ -x $1 ]]; then
    "$1"
  else
    # shellcheck source=/dev/null
    . "$1"
  fi
}

run_psql() {
  local -a to=(--dbname="$POSTGRES_DB")
  [[ " $* " != *' --dbname='* ]] || to=()
  PGHOST='' PGHOSTADDR='' psql --no-psqlrc --no-password --set=ON_ERROR_STOP=1 \
    --username="$POSTGRES_USER" "${to[@]}" "$@"
}

fail() {
  echo "entrypoint: $*" >&2
  exit 1
}

main "$@"
