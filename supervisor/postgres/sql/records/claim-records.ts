// Claims the next records of a queue for a session: the most urgent priority first, then the oldest. Costs as much as it
// gives, however many records wait or are done: one range of the partial index, rows found again by their place.
//
// `low_*` is where an earlier claim has stopped. While an old snapshot is held anywhere in the database, nothing that was
// claimed leaves the index, and every claim would walk over all of it again. The caller goes without it now and then,
// since a record can become pending before that place.
//
// The planner has no choice: with statistics from before a million rows were added it would choose badly. What it may not
// do counts as so dear that it would also call the just-in-time compiler, for hundreds of milliseconds each time.

export const claimRecords = `
create function flowkeep.claim_records(
  claiming uuid, claim_number bigint, wanted_queue text, at_most integer, most_bytes bigint, time_limit interval, attempts_most integer,
  low_priority integer, low_run_at timestamptz, low_id bigint
) returns table (
  id bigint, key text, payload text, attempts integer, epoch bigint, suspect boolean,
  priority integer, run_at timestamptz, lease_expires_at timestamptz
)
language plpgsql
set jit = off set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $function$
#variable_conflict use_column
declare
  lease timestamptz;
  promoted integer;
begin
  -- Without a lock: should the session be taken for dead at this very moment, the next recovery finds these records.
  select lease_expires_at into lease from flowkeep.worker_session where id = claiming;
  if not found then
    raise exception 'the session was taken for dead' using errcode = 'FK001';
  end if;

  update flowkeep.processing_queue set status = 'pending'
    where ctid = any (array(
      select ctid from flowkeep.processing_queue
        where queue = wanted_queue and status = 'scheduled' and run_at <= now()
        order by run_at limit at_most + 100 for update skip locked
    ));
  get diagnostics promoted = row_count;
  if promoted > 0 then
    low_priority := -2147483648;
  end if;

  return query
    with candidate as materialized (
      select queued.ctid as place, queued.suspect, queued.payload_bytes
        from flowkeep.processing_queue as queued
        where queued.queue = wanted_queue and queued.status = 'pending'
          and (queued.priority, queued.run_at, queued.id) >= (low_priority, low_run_at, low_id)
        order by queued.priority, queued.run_at, queued.id
        limit at_most
        for update skip locked
    ),
    ranked as (
      select place, row_number() over () as rank,
          bool_or(suspect) over (rows unbounded preceding) as suspect_so_far,
          sum(payload_bytes) over (rows unbounded preceding) as bytes_so_far
        from candidate
    )
    update flowkeep.processing_queue as claimed set
        status = 'running', session_id = claiming, claim = claim_number, epoch = claimed.epoch + 1, attempts = claimed.attempts + 1,
        max_attempts = attempts_most, expires_at = now() + time_limit
      where claimed.ctid = any (array(select place from ranked 
          where rank = 1 or (not suspect_so_far and bytes_so_far <= most_bytes)))
      returning claimed.id, claimed.key, claimed.payload::text, claimed.attempts, claimed.epoch, claimed.suspect,
        claimed.priority, claimed.run_at, lease;
end
$function$`
