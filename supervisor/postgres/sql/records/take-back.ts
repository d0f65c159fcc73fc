// What becomes of records whose owner has not completed them, in one place. `places` are rows that the caller has locked.
// One that was begun has used up an attempt: after the last one it has failed for good. One that was not begun is as if
// it had never been claimed. Whichever: from here on its old epoch is worth nothing.

export const takeBack = `
create function flowkeep.take_back(places tid[], begun boolean, why text, is_suspect boolean, later boolean, for_good boolean)
returns table (id bigint, failed boolean)
language sql
set jit = off set enable_seqscan = off
as $function$
  with over as (
    delete from flowkeep.processing_queue as queued
      where ctid = any (places) and begun and (for_good or queued.attempts >= queued.max_attempts)
      returning queued.*
  ), failed as (
    insert into flowkeep.record_history (id, queue, key, outcome, epoch, attempts, reason, payload, created_at)
      select over.id, over.queue, over.key, 'failed', over.epoch, over.attempts, why, over.payload, over.created_at from over
      returning record_history.id
  ), again as (
    update flowkeep.processing_queue as queued set
        status = case when later then 'scheduled' else 'pending' end,
        -- 1 s, 2 s, 4 s … up to an hour, with half of it left to chance, so that what failed together is not tried together.
        run_at = case when later
          then now() + least(3600, 2 ^ least(queued.attempts - 1, 12)) * (0.5 + random() / 2) * interval '1 second'
          else queued.run_at end,
        attempts = case when begun then queued.attempts else greatest(queued.attempts - 1, 0) end,
        epoch = queued.epoch + 1, session_id = null, claim = null, expires_at = null, reason = coalesce(why, queued.reason),
        suspect = case when begun then is_suspect else queued.suspect end
      where ctid = any (places) and not (begun and (for_good or queued.attempts >= queued.max_attempts))
      returning queued.id
  )
  select failed.id, true from failed union all select again.id, false from again
$function$`
