"""The flow's tables, and what places an order in one transaction."""

from .orders import ARTICLES

ON_HAND = 100_000
"""Pieces of each article to begin with."""

SCHEMA = (
    "create schema if not exists flow3",
    """create table if not exists flow3.inventory (
      article text primary key,
      delivered bigint not null,
      on_hand bigint not null check (on_hand >= 0)
    )""",
    """create table if not exists flow3.orders (
      number text primary key,
      verdict text not null check (verdict in ('accepted', 'rejected')),
      reason text,
      total numeric(20, 2),
      pieces bigint not null,
      -- Name of the Prefect flow run that placed it.
      run text not null,
      placed_at timestamptz not null default now()
    )""",
    f"""insert into flow3.inventory (article, delivered, on_hand)
      select 'A-' || lpad(number::text, 4, '0'), {ON_HAND}, {ON_HAND} from generate_series(0, {ARTICLES - 1}) as number
      on conflict do nothing""",
    """create or replace function flow3.place(number text, total numeric, goods jsonb, run text)
    returns void language plpgsql as $$
    declare
      problem text;
    begin
      -- Locked in one order by everybody: two orders for the same articles never wait for each other.
      perform from flow3.inventory where article in (select jsonb_object_keys(goods)) order by article for update;
      select case when article is null then 'there is no article ' || wanted.key
          else 'not enough of ' || article || ' on hand' end into problem
        from jsonb_each_text(goods) as wanted left join flow3.inventory on article = wanted.key
        where coalesce(on_hand, 0) < wanted.value::bigint order by wanted.key limit 1;
      if problem is not null then
        insert into flow3.orders (number, verdict, reason, pieces, run)
          values (number, 'rejected', problem, 0, run);
        return;
      end if;
      update flow3.inventory set on_hand = on_hand - wanted.value::bigint
        from jsonb_each_text(goods) as wanted where article = wanted.key;
      insert into flow3.orders (number, verdict, total, pieces, run)
        values (number, 'accepted', total, (select sum(value::bigint) from jsonb_each_text(goods)), run);
    end $$""",
)

PLACE = "select flow3.place($1, $2::numeric, $3::jsonb, $4)"

REJECT = "insert into flow3.orders (number, verdict, reason, pieces, run) values ($1, 'rejected', $2, 0, $3)"
