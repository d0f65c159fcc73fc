// What an operation does to its record of `processing_queue` before its statements run, in the same subtransaction:
// {"action","recordId","epoch","reason","retry"}. False when the epoch is stale: then it has changed nothing, and the
// statements do not run. This version of the schema has no records; the migration that brings them replaces this body.

export const changeRecord = `
create function flowkeep.change_record(change jsonb) returns boolean
language plpgsql as $function$
begin
  raise exception 'this version of the schema flowkeep has no records' using errcode = '0A000';
end
$function$`
