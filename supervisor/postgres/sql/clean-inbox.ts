// Forgets operations whose repetition can no longer come, so many at a time. Two cleaners share the work.

export const cleanInbox = `
create function flowkeep.clean_inbox(retention interval, at_most integer) returns integer
language plpgsql as $function$
declare
  cleaned integer;
begin
  delete from flowkeep.inbox where operation_id in (
    select operation_id from flowkeep.inbox where applied_at < now() - retention
      order by applied_at limit at_most for update skip locked
  );
  get diagnostics cleaned = row_count;
  return cleaned;
end
$function$`
