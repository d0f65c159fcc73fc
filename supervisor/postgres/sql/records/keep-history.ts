// History in daily partitions, made some days ahead and dropped when they are too old, with the keys that were in them.
// Runs as the owner of the tables, because only that one may make and drop partitions. Gives up on a lock that it cannot
// have soon, rather than making everyone wait behind it; the next run does it.

export const keepHistory = `
create function flowkeep.keep_history(days_ahead integer, keep_days integer, at_most integer)
returns table (action text, partition text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '2s' set timezone = 'UTC'
as $function$
declare
  day date;
  name text;
  part record;
  gone integer;
begin
  if not pg_try_advisory_xact_lock(7052110422) then
    return;
  end if;
  for number in 0..days_ahead loop
    day := current_date + number;
    name := 'record_history_' || to_char(day, 'YYYYMMDD');
    if to_regclass('flowkeep.' || name) is null then
      begin
        execute format(
          'create table flowkeep.%I partition of flowkeep.record_history for values from (%L) to (%L)',
          name, day::timestamptz, (day + 1)::timestamptz);
        return query select 'made', name;
      exception when check_violation or lock_not_available then
        -- The day has rows in the partition for the rest already: they stay there.
        null;
      end;
    end if;
  end loop;

  for part in
    select relname from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = 'flowkeep.record_history'::regclass and relname ~ '^record_history_[0-9]{8}$'
        and to_date(right(relname, 8), 'YYYYMMDD') < current_date - keep_days
      order by relname
  loop
    execute format('
      with old as (
        delete from flowkeep.%1$I where ctid = any (array(select ctid from flowkeep.%1$I where key is not null limit $1))
          returning queue, key, id
      )
      delete from flowkeep.record_key as known using old
        where known.queue = old.queue and known.key = old.key and known.record_id = old.id', part.relname)
      using at_most;
    execute format('select count(*) from (select from flowkeep.%I where key is not null limit 1) as more', part.relname)
      into gone;
    exit when gone > 0;
    begin
      execute format('drop table flowkeep.%I', part.relname);
      return query select 'dropped', part.relname::text;
    exception when lock_not_available then
      return;
    end;
  end loop;

  with old as (
    delete from flowkeep.record_history_other
      where ctid = any (array(
        select ctid from flowkeep.record_history_other
          where finished_at < current_date - keep_days limit at_most
      ))
      returning queue, key, id
  )
  delete from flowkeep.record_key as known using old
    where known.queue = old.queue and known.key = old.key and known.record_id = old.id;
end
$function$`
