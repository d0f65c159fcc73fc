// Puts a failed record back into its queue, as if it were new. For an operator; false where there is none of that id.

export const retryFailedRecord = `
create function flowkeep.retry_failed_record(failed_id bigint) returns boolean
language sql
as $function$
  with gone as (
    delete from flowkeep.record_history where id = failed_id and outcome = 'failed' returning *
  ), added as (
    insert into flowkeep.processing_queue (id, queue, key, epoch, reason, payload, created_at)
      select id, queue, key, epoch + 1, reason, payload, created_at from gone
      returning id
  )
  select exists (select from added)
$function$`
