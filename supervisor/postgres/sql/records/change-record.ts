// What an operation does to its record before its statements run, in the same subtransaction:
// {"action","recordId","epoch","reason","retry","alone"}. False when the epoch is stale: then it has changed nothing, and
// the statements do not run. The row stays locked until they are committed, so that nobody becomes its owner meanwhile.

export const changeRecordWithRecords = `
create or replace function flowkeep.change_record(change jsonb) returns boolean
language plpgsql
as $function$
declare
  given_id bigint := (change ->> 'recordId')::bigint;
  given_epoch bigint := (change ->> 'epoch')::bigint;
  retry boolean := coalesce((change ->> 'retry')::boolean, true);
begin
  case change ->> 'action'
    when 'complete' then
      with gone as (
        delete from flowkeep.processing_queue as queued
          where queued.id = given_id and queued.epoch = given_epoch
          returning queued.*
      )
      insert into flowkeep.record_history (id, queue, key, outcome, epoch, attempts, created_at)
        select gone.id, gone.queue, gone.key, 'completed', gone.epoch, gone.attempts, gone.created_at from gone;
      -- With nothing but the completion in it, the same one from before is this one.
      return found or (coalesce((change ->> 'alone')::boolean, false) and exists (
        select from flowkeep.record_history as history
          where history.id = given_id and history.epoch = given_epoch and history.outcome = 'completed'
      ));
    when 'fail' then
      perform from flowkeep.give_back_records(
        array[given_id], array[given_epoch], true, change ->> 'reason', false, retry, not retry);
      return found;
    when 'release' then
      perform from flowkeep.give_back_records(array[given_id], array[given_epoch], false, null, false, false, false);
      return found;
  end case;
end
$function$`
