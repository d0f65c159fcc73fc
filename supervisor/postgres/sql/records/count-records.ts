// How many records each queue has. Counting costs what there is, so that one supervisor counts for all, at most every
// `every` and never for more than a twentieth of the time; everyone reads the same figures.

export const countRecords = `
create function flowkeep.count_records(every interval)
returns table (queue text, pending bigint, scheduled bigint, running bigint, failed bigint)
language plpgsql
as $function$
#variable_conflict use_column
declare
  began timestamptz := clock_timestamp();
begin
  perform from flowkeep.figures_count
    where counted_at < now() - greatest(every, took * 20)
    for update skip locked;
  if found then
    insert into flowkeep.queue_figures as known (queue, pending, scheduled, running, failed)
      select queue, sum(pending), sum(scheduled), sum(running), sum(failed) from (
        select queue, count(*) as pending, 0 as scheduled, 0 as running, 0 as failed
          from flowkeep.processing_queue where status = 'pending' group by queue
        union all
        select queue, 0, count(*), 0, 0 from flowkeep.processing_queue where status = 'scheduled' group by queue
        union all
        select queue, 0, 0, count(*), 0 from flowkeep.processing_queue where status = 'running' group by queue
        union all
        select queue, 0, 0, 0, count(*) from flowkeep.record_history where outcome = 'failed' group by queue
        union all
        select queue, 0, 0, 0, 0 from flowkeep.queue_figures
      ) as counted group by queue order by queue
      on conflict (queue) do update set
        pending = excluded.pending, scheduled = excluded.scheduled, running = excluded.running, failed = excluded.failed;
    update flowkeep.figures_count set counted_at = now(), took = clock_timestamp() - began;
  end if;
  return query select queue, pending, scheduled, running, failed from flowkeep.queue_figures order by queue;
end
$function$`
