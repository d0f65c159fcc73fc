// Gives a batch of operations their effects, each exactly once. One statement, so that it needs one round trip and no
// session is ever idle in a transaction; an execution that lost its client ends by itself.
//
// All ids are claimed first, in the order of the ids, so that batches that overlap wait for each other and never
// deadlock on the inbox: who repeats an operation waits here until the earlier execution is decided. Then each operation
// runs in a subtransaction of its own. What was not applied gives its claim back at the end; a revision above 1 leaves
// its predecessors cancelled, as they were.
//
// ids, hashes, revisions, lanes and works (JSON: {"statements":[{"query","params"}],"record"?}, with the number of the
// query from 1) go together; no id comes twice. queries, templates and forms (query, returning, utility) do, too.
// refused and unreached are patterns of SQLSTATEs (see sql-state.ts).

export const applyOperations = `
create function flowkeep.apply_operations(
  ids text[], hashes text[], revisions integer[], lanes integer[], works text[],
  queries text[], templates text[], forms text[],
  refused text, unreached text, max_rows integer, max_result_bytes integer
) returns table (state text, code text, message text, result text)
language plpgsql
-- What the supervisor's lexer goes by.
set standard_conforming_strings = on
as $function$
declare
  claimed text[];
  operation record;
  work jsonb;
  statement jsonb;
  last integer;
  number integer;
  typed text[];
  kinds text[];
  found_types record;
  literals text[];
  command text;
  touched bigint;
  row_counts text;
  returned record;
  returned_rows text;
  omitted bigint;
  deferred_constraints text := flowkeep.initially_deferred();
  stopped boolean[] := array_fill(false, array[cardinality(ids)]);
  undone text[] := '{}';
  told_ids text[] := '{}';
  told text[] := '{}';
begin
  with claim as (
    insert into flowkeep.inbox as known (operation_id, content_hash, revision, outcome)
      select id, hash, revision, 'applied' from unnest(ids, hashes, revisions) as given (id, hash, revision)
      order by id
    on conflict (operation_id) do update set revision = excluded.revision, outcome = 'applied', applied_at = now()
      where known.outcome = 'cancelled'
        and known.revision < excluded.revision
        and known.content_hash = excluded.content_hash
    returning operation_id
  )
  select array_agg(operation_id) into claimed from claim;

  for operation in
    select given.*, inbox.content_hash as known_hash, inbox.outcome as known_outcome,
        inbox.result as known_result, claim.id is not null as is_claimed
      from unnest(ids, hashes, lanes, works) with ordinality as given (id, hash, lane, work, position)
        left join unnest(claimed) as claim (id) on claim.id = given.id
        left join flowkeep.inbox on inbox.operation_id = given.id
      order by position
  loop
    code := null;
    message := null;
    result := null;
    if not operation.is_claimed then
      state := case
        when operation.known_hash is distinct from operation.hash then 'conflict'
        when operation.known_outcome = 'cancelled' then 'cancelled'
        else 'earlier'
      end;
      result := operation.known_result;
      return next;
      continue;
    end if;
    if stopped[operation.lane] then
      state := 'skipped';
      undone := array_append(undone, operation.id);
      return next;
      continue;
    end if;

    begin
      work := operation.work::jsonb;
      state := 'applied';
      if work ? 'record' and not flowkeep.change_record(work -> 'record') then
        state := 'fenced';
      else
        row_counts := '';
        returned_rows := null;
        omitted := 0;
        last := jsonb_array_length(work -> 'statements') - 1;
        for index in 0..last loop
          statement := work -> 'statements' -> index;
          number := (statement -> 'query')::integer;
          if forms[number] = 'utility' then
            command := queries[number];
          else
            if typed[number] is null then
              found_types := flowkeep.typed_template(queries[number], templates[number]);
              typed[number] := found_types.typed;
              kinds[number] := found_types.kinds;
            end if;
            if jsonb_array_length(statement -> 'params') <> length(kinds[number]) then
              raise exception 'the statement has % parameters, and % were given',
                length(kinds[number]), jsonb_array_length(statement -> 'params') using errcode = '07001';
            end if;
            literals := '{}';
            for place in 1..length(kinds[number]) loop
              literals[place] := quote_nullable(
                case substr(kinds[number], place, 1)
                  when 's' then statement -> 'params' ->> (place - 1)
                  when 'a' then flowkeep.array_literal(statement -> 'params' -> (place - 1), false)
                  else flowkeep.array_literal(statement -> 'params' -> (place - 1), true)
                end
              );
            end loop;
            command := format(typed[number], variadic literals);
          end if;

          if index = last and forms[number] = 'returning' then
            touched := 0;
            returned_rows := '';
            for returned in execute command loop
              touched := touched + 1;
              if omitted = 0 and touched <= max_rows then
                command := row_to_json(returned)::text;
                if octet_length(returned_rows) + octet_length(command) < max_result_bytes then
                  returned_rows := returned_rows || ',' || command;
                  continue;
                end if;
              end if;
              omitted := omitted + 1;
            end loop;
          else
            execute command;
            get diagnostics touched = row_count;
          end if;
          row_counts := row_counts || ',' || touched;
          if forms[number] = 'utility' then
            -- It may have changed what types the parameters have, and which constraints there are.
            typed := null;
            deferred_constraints := flowkeep.initially_deferred();
          end if;
        end loop;
        if row_counts <> ',1' or returned_rows is not null then
          result := '{"rowCounts":[' || substr(row_counts, 2) || ']'
            || coalesce(',"rows":[' || substr(returned_rows, 2) || ']', '')
            || case when omitted > 0 then ',"rowsOmitted":' || omitted else '' end || '}';
        end if;
      end if;
      if deferred_constraints is not null then
        -- What would fail at COMMIT fails here, and takes nobody along.
        set constraints all immediate;
        execute 'set constraints ' || deferred_constraints || ' deferred';
      end if;
    exception when others then
      -- The connection, not the operation: nothing of this batch is done.
      if sqlstate ~ unreached then
        raise;
      end if;
      state := 'error';
      code := sqlstate;
      message := left(sqlerrm, 500);
      result := null;
      typed := null;
      stopped[operation.lane] := sqlstate !~ refused;
    end;

    if state <> 'applied' then
      undone := array_append(undone, operation.id);
    elsif result is not null then
      told_ids := array_append(told_ids, operation.id);
      told := array_append(told, result);
    end if;
    return next;
  end loop;

  if told_ids <> '{}' then
    update flowkeep.inbox set result = given.result
      from unnest(told_ids, told) as given (id, result) where inbox.operation_id = given.id;
  end if;
  if undone <> '{}' then
    delete from flowkeep.inbox where operation_id = any (undone) and revision <= 1;
    update flowkeep.inbox set outcome = 'cancelled', revision = revision - 1 where operation_id = any (undone);
  end if;
end
$function$`
