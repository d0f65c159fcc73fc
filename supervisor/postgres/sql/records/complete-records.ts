// Completes records that have no effects, each under its epoch: out of the queue, into history. `applied` also where
// this was done before under the same epoch, when the answer to that was lost; `stale` where it has a newer owner.
// Nothing but id and epoch may be asked of a row here: with its status, PostgreSQL prefers the index of the leases.

export const completeRecords = `
create function flowkeep.complete_records(ids bigint[], epochs bigint[])
returns table (id bigint, state text)
language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $function$
#variable_conflict use_column
declare
  done bigint[];
begin
  with gone as (
    delete from flowkeep.processing_queue as queued using unnest(ids, epochs) as given (id, epoch)
      where queued.id = given.id and queued.epoch = given.epoch
      returning queued.*
  ), kept as (
    insert into flowkeep.record_history (id, queue, key, outcome, epoch, attempts, created_at)
      select gone.id, gone.queue, gone.key, 'completed', gone.epoch, gone.attempts, gone.created_at from gone
      returning id
  )
  select coalesce(array_agg(kept.id), '{}') into done from kept;
  if cardinality(done) < cardinality(ids) then
    select done || coalesce(array_agg(given.id), '{}') into done
      from unnest(ids, epochs) as given (id, epoch)
      where exists (
        select from flowkeep.record_history as history
          where history.id = given.id and history.epoch = given.epoch and history.outcome = 'completed'
      );
  end if;
  return query select given.id, case when given.id = any (done) then 'applied' else 'stale' end
    from unnest(ids) as given (id);
end
$function$`
