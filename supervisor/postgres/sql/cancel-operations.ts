// Makes sure that operations are not applied any more, in this revision or an earlier one, and tells which were. An
// execution under way is waited for: its row in the inbox is ours only once it is decided.

export const cancelOperations = `
create function flowkeep.cancel_operations(ids text[], hashes text[], revisions integer[])
returns table (applied boolean)
language plpgsql as $function$
begin
  insert into flowkeep.inbox as known (operation_id, content_hash, revision, outcome)
    select id, hash, max(revision), 'cancelled'
    from unnest(ids, hashes, revisions) as given (id, hash, revision)
    group by id, hash
    order by id
  on conflict (operation_id) do update
    set revision = greatest(known.revision, excluded.revision), applied_at = now()
    where known.outcome = 'cancelled' and known.content_hash = excluded.content_hash;

  return query
    select coalesce(inbox.outcome = 'applied' and inbox.content_hash = given.hash, false)
      from unnest(ids, hashes) with ordinality as given (id, hash, position)
        left join flowkeep.inbox on inbox.operation_id = given.id
      order by position;
end
$function$`
