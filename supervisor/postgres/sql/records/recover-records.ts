// Takes back what its owner has lost: records of the session `own` past their time limit, and everything held by sessions
// that are gone. A session whose lease has run out goes first; from then on its owner cannot renew it. Any number of
// supervisors may do this at one time; what one has in hand the others pass over. At most `at_most` of each session.

export const recoverRecords = `
create function flowkeep.recover_records(own uuid, at_most integer)
returns table (session_id uuid, id bigint, failed boolean)
language plpgsql
set jit = off set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $function$
#variable_conflict use_column
declare
  places tid[];
  gone uuid;
begin
  select array_agg(place) into places from (
    select queued.ctid as place from flowkeep.processing_queue as queued
      where queued.session_id = own and queued.status = 'running' and queued.expires_at < now()
      order by queued.expires_at limit at_most for update skip locked
  ) as late;
  return query select own, taken.id, taken.failed
    from flowkeep.take_back(places, true, 'it was held longer than its time limit', true, false, false) as taken;

  delete from flowkeep.worker_session where id = any (array(
    select id from flowkeep.worker_session
      where lease_expires_at < now() and id is distinct from own
      limit 100 for update skip locked
  ));

  -- Each session that holds records, found from one to the next in the index, however many records it holds.
  for gone in
    with recursive holder (id) as (
      (select session_id from flowkeep.processing_queue where status = 'running' order by session_id limit 1)
      union all
      select (
        select queued.session_id from flowkeep.processing_queue as queued
          where queued.status = 'running' and queued.session_id > holder.id
          order by queued.session_id limit 1
      ) from holder where holder.id is not null
    )
    select holder.id from holder
      where holder.id is not null and not exists (select from flowkeep.worker_session as alive where alive.id = holder.id)
  loop
    select array_agg(place) into places from (
      select queued.ctid as place from flowkeep.processing_queue as queued
        where queued.session_id = gone and queued.status = 'running'
        order by queued.expires_at limit at_most for update skip locked
    ) as orphan;
    return query select gone, taken.id, taken.failed
      from flowkeep.take_back(places, true, 'the lease of its owner ran out', true, false, false) as taken;
  end loop;
end
$function$`
