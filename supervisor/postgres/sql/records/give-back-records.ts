// Takes back records from their owner, each under its epoch: because its flow died (`suspect`), it failed (`later` or
// `for_good`), or they were not begun. Tells of each what became of it; one that has a newer owner is not there.

export const giveBackRecords = `
create function flowkeep.give_back_records(
  ids bigint[], epochs bigint[], begun boolean, why text, is_suspect boolean, later boolean, for_good boolean
) returns table (id bigint, failed boolean)
language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $function$
#variable_conflict use_column
declare
  places tid[];
begin
  -- In the order of the ids, as everyone locks who locks several.
  select array_agg(place) into places from (
    select queued.ctid as place
      from unnest(ids, epochs) as given (id, epoch)
        join flowkeep.processing_queue as queued on queued.id = given.id and queued.epoch = given.epoch
      order by queued.id
      for update of queued
  ) as locked;
  return query select taken.id, taken.failed
    from flowkeep.take_back(places, begun, why, is_suspect, later, for_good) as taken;
end
$function$`
