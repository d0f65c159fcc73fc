// The constraints that wait for COMMIT when nobody says otherwise, as a list for SET CONSTRAINTS; null when there are
// none. A name that a constraint of another kind shares is left out: PostgreSQL would refuse the list for it.

export const initiallyDeferred = `
create function flowkeep.initially_deferred() returns text
language sql stable as $function$
  select string_agg(format('%I.%I', nspname, conname), ', ')
  from (
    select nspname, conname
    from pg_catalog.pg_constraint join pg_catalog.pg_namespace on pg_namespace.oid = connamespace
    where (connamespace, conname) in (
      select connamespace, conname from pg_catalog.pg_constraint where condeferred and conparentid = 0
    )
    group by nspname, conname
    having bool_and(condeferred)
  ) as listed
$function$`
