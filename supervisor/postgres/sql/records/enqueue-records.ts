// Adds records. A key that the queue has had before is the record it was then. The same request twice, by its id, is one
// request: its answer is kept in the inbox. `places` of the answer's ids are those of the payloads.

export const enqueueRecords = `
create function flowkeep.enqueue_records(
  request_id text, request_hash text, wanted_queue text,
  keys text[], payloads text[], priorities integer[], run_ats timestamptz[],
  out conflict boolean, out ids bigint[], out duplicates integer
)
language plpgsql
as $function$
#variable_conflict use_column
declare
  earlier record;
  fresh bigint[];
begin
  conflict := false;
  insert into flowkeep.inbox (operation_id, content_hash, revision, outcome)
    values (request_id, request_hash, 1, 'applied') on conflict do nothing;
  if not found then
    select content_hash, result into earlier from flowkeep.inbox where operation_id = request_id;
    conflict := earlier.content_hash <> request_hash;
    ids := array(select json_array_elements_text(earlier.result::json -> 'ids')::bigint);
    duplicates := (earlier.result::json ->> 'duplicates')::integer;
    return;
  end if;

  -- In the order of the keys, so that two requests with the same ones wait for each other and never deadlock.
  with added as (
    insert into flowkeep.record_key (queue, key, record_id)
      select wanted_queue, given.key, nextval('flowkeep.record_id')
        from (select distinct key from unnest(keys) as given (key) where key is not null order by key) as given
      on conflict do nothing
      returning record_id
  )
  select coalesce(array_agg(record_id), '{}') into fresh from added;

  with given as (
    select given.*, coalesce(known.record_id, nextval('flowkeep.record_id')) as id,
        row_number() over (partition by known.record_id order by place) as turn, known.record_id
      from unnest(keys, payloads, priorities, run_ats) with ordinality
          as given (key, payload, priority, run_at, place)
        left join flowkeep.record_key as known on known.queue = wanted_queue and known.key = given.key
  ), added as (
    insert into flowkeep.processing_queue (id, queue, key, priority, run_at, status, payload)
      select given.id, wanted_queue, given.key, coalesce(given.priority, 0), coalesce(given.run_at, now()),
          case when given.run_at > now() then 'scheduled' else 'pending' end, given.payload::json
        from given
        where given.record_id is null or (given.record_id = any (fresh) and given.turn = 1)
        order by given.place
      returning id
  )
  select array_agg(given.id order by given.place), count(*) - (select count(*) from added)
    into ids, duplicates from given;
  update flowkeep.inbox set result = json_build_object('ids', ids, 'duplicates', duplicates)::text
    where operation_id = request_id;
end
$function$`
