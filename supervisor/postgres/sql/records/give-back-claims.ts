// Gives back what claims have taken whose answer was lost: their session lives, and does not know what it has. As if it
// had never been claimed. Tells how many records that were, and how many somebody else had locked.

export const giveBackClaims = `
create function flowkeep.give_back_claims(own uuid, numbers bigint[])
  returns table (records bigint, left_claimed bigint)
language plpgsql
set jit = off set enable_seqscan = off set enable_bitmapscan = off
as $function$
declare
  places tid[];
  found bigint;
begin
  select count(*) into found from flowkeep.processing_queue as queued
    where queued.session_id = own and queued.status = 'running' and queued.claim = any (numbers);
  select array_agg(place) into places from (
    select queued.ctid as place from flowkeep.processing_queue as queued
      where queued.session_id = own and queued.status = 'running' and queued.claim = any (numbers)
      for update skip locked
  ) as unknown_to_us;
  return query select count(*), greatest(0, found - count(*))
    from flowkeep.take_back(places, false, null, false, false, false);
end
$function$`
