#!/bin/sh
# Makes the databases of the flows and of Prefect, each with an owner of its own. Runs once, when PostgreSQL creates its
# cluster. Names and passwords are those of the URLs in the secrets: postgresql://USER:PASSWORD@postgres:5432/DATABASE
set -eu

part() {
  sed -n "s#^[a-z+]*://\([^:/@]*\):\([^@]*\)@[^/]*/\([A-Za-z0-9_]*\).*#\\$2#p" "/run/secrets/$1"
}

make_database() {
  user=$(part "$1" 1) password=$(part "$1" 2) database=$(part "$1" 3)
  if [ -z "$user" ] || [ -z "$password" ] || [ -z "$database" ]; then
    echo "the secret $1 is to be of the form postgresql://USER:PASSWORD@postgres:5432/DATABASE" >&2
    exit 1
  fi
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres \
    --set=user="$user" --set=database="$database" <<SQL
\set password \`sed -n "s#^[a-z+]*://[^:]*:\([^@]*\)@.*#\1#p" /run/secrets/$1\`
create role :"user" login password :'password';
create database :"database" owner :"user";
revoke connect, temporary on database :"database" from public;
SQL
}

make_database flows_database_url
make_database prefect_database_url
